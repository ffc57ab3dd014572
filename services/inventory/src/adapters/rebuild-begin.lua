-- Begins to write the cache anew: whoever else was at it is shut out from here on, and readers find no head.
--
-- KEYS[1]  cal:head   hash; becomes {building}
-- ARGV[1]  a word that only this rebuilding knows
-- Answers 1. A Redis that is full or read-only refuses the first line, so that what it holds stays readable.
redis.call('HSET', KEYS[1], 'building', ARGV[1])
redis.call('HDEL', KEYS[1], 'generation', 'sequence', 'hash', 'at')
return 1
