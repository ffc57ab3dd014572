-- Moves the cache from one head of the ledger to a later one, or not at all.
--
-- KEYS[1]  cal:head   hash {generation, sequence, hash, at}
-- KEYS[2]  cal:pools  set of the pools' keys
-- KEYS[3..] the hashes to set
-- ARGV[1..3] generation, sequence, hash of the head this follows on
-- ARGV[4..7] generation, sequence, hash, at of the new head
-- ARGV[8..] for each of KEYS[3..] its fields, as a JSON object of strings
-- Answers 1 when applied, 0 when the cache stands at another head (it is then to be rebuilt).
local head = redis.call('HMGET', KEYS[1], 'generation', 'sequence', 'hash')
if head[1] ~= ARGV[1] or head[2] ~= ARGV[2] or head[3] ~= ARGV[3] then
  return 0
end
for i = 3, #KEYS do
  setHash(KEYS[i], ARGV[i + 5], KEYS[2])
end
redis.call('HSET', KEYS[1], 'generation', ARGV[4], 'sequence', ARGV[5], 'hash', ARGV[6], 'at', ARGV[7])
return 1
