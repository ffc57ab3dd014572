-- Writes or removes some keys of a cache that is being rebuilt.
--
-- KEYS[1]  cal:head   hash {building}
-- KEYS[2]  cal:pools  set of the pools' keys
-- KEYS[3..] the keys
-- ARGV[1]  the word of this rebuilding
-- ARGV[2..] for each of KEYS[3..] its fields, as a JSON object of strings; empty text removes the key
-- Answers 1 when written, 0 when the cache is in other hands (another leader began anew, or it was flushed).
if redis.call('HGET', KEYS[1], 'building') ~= ARGV[1] then
  return 0
end
for i = 3, #KEYS do
  local text = ARGV[i - 1]
  if text == '' then
    redis.call('UNLINK', KEYS[i])
  else
    setHash(KEYS[i], text, KEYS[2])
  end
end
return 1
