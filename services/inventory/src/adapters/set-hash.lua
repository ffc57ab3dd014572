-- Stands before the scripts that write hashes: sets the fields, a JSON object of strings, of one key. A pool's key is noted in
-- the set of pools' keys. A hash without fields is left as it is.
local function setHash(key, text, pools)
  local flat = {}
  for field, value in pairs(cjson.decode(text)) do
    flat[#flat + 1] = field
    flat[#flat + 1] = value
  end
  if #flat > 0 then
    redis.call('HSET', key, unpack(flat))
    if string.sub(key, 1, 9) == 'cal:pool:' then
      redis.call('SADD', pools, key)
    end
  end
end
