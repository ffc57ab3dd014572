-- Ends a rebuilding: from here on the cache stands at a head.
--
-- KEYS[1]  cal:head   hash {building}; becomes {generation, sequence, hash, at}
-- ARGV[1]  the word of this rebuilding
-- ARGV[2..5] generation, sequence, hash, at of the head
-- Answers 1 when done, 0 when the cache is in other hands.
if redis.call('HGET', KEYS[1], 'building') ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], 'generation', ARGV[2], 'sequence', ARGV[3], 'hash', ARGV[4], 'at', ARGV[5])
redis.call('HDEL', KEYS[1], 'building')
return 1
