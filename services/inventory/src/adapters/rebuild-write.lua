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
    local flat = {}
    for field, value in pairs(cjson.decode(text)) do
      flat[#flat + 1] = field
      flat[#flat + 1] = value
    end
    if #flat > 0 then
      redis.call('HSET', KEYS[i], unpack(flat))
      if string.sub(KEYS[i], 1, 9) == 'cal:pool:' then
        redis.call('SADD', KEYS[2], KEYS[i])
      end
    end
  end
end
return 1
