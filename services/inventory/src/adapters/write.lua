-- Sets hashes, whatever was there. For writing the live counts anew, many in one call.
--
-- KEYS[1]  cal:pools  set of the pools' keys
-- KEYS[2..] the hashes to set
-- ARGV[i]  for KEYS[i + 1] its fields, as a JSON object of strings
-- Answers how many it set.
for i = 2, #KEYS do
  local flat = {}
  for field, value in pairs(cjson.decode(ARGV[i - 1])) do
    flat[#flat + 1] = field
    flat[#flat + 1] = value
  end
  if #flat > 0 then
    redis.call('HSET', KEYS[i], unpack(flat))
  end
  if string.sub(KEYS[i], 1, 9) == 'cal:pool:' then
    redis.call('SADD', KEYS[1], KEYS[i])
  end
end
return #KEYS - 1
