-- Finds the tenant of a request. CONFIG is the configuration, put in front of this file when it is deployed.
--
-- Lua fails open: after an error Envoy lets the request pass without this filter. So the client's own copy of the
-- header is removed before anything can fail, an error where a tenant is required denies, and what depends on the
-- tenant must deny when its metadata is absent.

local METADATA = "envoy.filters.http.lateen.tenant_context"
local CLAIMS = "envoy.filters.http.jwt_authn"
local LONGEST = 63

-- A longer key is not looked at; nobody has one.
local LONGEST_KEY = 512

-- SHA-256 (FIPS 180-4), so that the configuration holds no key, and so that the time which a lookup takes tells
-- nothing of one: what is compared is a digest, which nobody can choose.
local band, bnot, bxor, ror, rshift, tobit = bit.band, bit.bnot, bit.bxor, bit.ror, bit.rshift, bit.tobit

-- The first 32 bits of the fractional parts of roots of the first primes.
local function roots(count, power)
  local found, number = {}, 2
  while #found < count do
    local prime = true
    for divisor = 2, math.floor(math.sqrt(number)) do
      prime = prime and number % divisor ~= 0
    end
    if prime then
      found[#found + 1] = tobit(math.floor(number ^ power % 1 * 2 ^ 32))
    end
    number = number + 1
  end
  return found
end

local START, ROUND = roots(8, 1 / 2), roots(64, 1 / 3)

local function word(text, place)
  local a, b, c, d = text:byte(place, place + 3)
  return tobit(a * 2 ^ 24 + b * 2 ^ 16 + c * 2 ^ 8 + d)
end

local function compress(state, text, place)
  local w = {}
  for i = 1, 16 do
    w[i] = word(text, place + 4 * (i - 1))
  end
  for i = 17, 64 do
    local x, y = w[i - 15], w[i - 2]
    local s0 = bxor(ror(x, 7), ror(x, 18), rshift(x, 3))
    local s1 = bxor(ror(y, 17), ror(y, 19), rshift(y, 10))
    w[i] = tobit(w[i - 16] + s0 + w[i - 7] + s1)
  end
  local a, b, c, d, e, f, g, h = unpack(state)
  for i = 1, 64 do
    local s1 = bxor(ror(e, 6), ror(e, 11), ror(e, 25))
    local one = tobit(h + s1 + bxor(band(e, f), band(bnot(e), g)) + ROUND[i] + w[i])
    local s0 = bxor(ror(a, 2), ror(a, 13), ror(a, 22))
    local two = tobit(s0 + bxor(band(a, b), band(a, c), band(b, c)))
    a, b, c, d, e, f, g, h = tobit(one + two), a, b, c, tobit(d + one), e, f, g
  end
  for i, value in ipairs({ a, b, c, d, e, f, g, h }) do
    state[i] = tobit(state[i] + value)
  end
end

local function sha256(text)
  local bits = #text * 8
  local length = ("\0"):rep(4)
  for shift = 24, 0, -8 do
    length = length .. string.char(math.floor(bits / 2 ^ shift) % 256)
  end
  text = text .. "\128" .. ("\0"):rep((55 - #text) % 64) .. length
  local state = { unpack(START) }
  for place = 1, #text, 64 do
    compress(state, text, place)
  end
  local digest = {}
  for i, value in ipairs(state) do
    digest[i] = bit.tohex(value)
  end
  return table.concat(digest)
end

-- A tenant's name is a letter or digit, then letters, digits, dots, dashes and underscores: it may end up in logs,
-- metrics and paths.
local function valid(name)
  return type(name) == "string" and #name <= LONGEST and name:find("^[%w][%w._-]*$") ~= nil
end

local function set_of(list)
  local set = {}
  for _, item in ipairs(list) do
    set[item] = true
  end
  return set
end

local KNOWN = CONFIG.tenants and set_of(CONFIG.tenants)

-- For each source of API keys the tenant by the digest of its key, and whether a path is a source.
local OWNERS, BY_PATH = {}, false
for _, source in ipairs(CONFIG.sources) do
  BY_PATH = BY_PATH or source.path ~= nil
  if source.api_key then
    OWNERS[source.api_key] = {}
    for tenant, digests in pairs(source.api_key.tenants) do
      for _, digest in ipairs(digests) do
        OWNERS[source.api_key][digest] = tenant
      end
    end
  end
end

local function from_host(request, source)
  local host, suffix = request.authority, source.suffix
  if host == nil then
    return nil
  end
  host = host:lower():gsub(":%d+$", ""):gsub("%.$", "")
  if #host <= #suffix or host:sub(-#suffix) ~= suffix then
    return nil
  end
  local label = host:sub(1, #host - #suffix)
  if label:find(".", 1, true) then
    return nil
  end
  return label
end

local function from_path(request, source)
  local path, prefix = request.path, source.prefix
  if path == nil or path:sub(1, #prefix) ~= prefix then
    return nil
  end
  return path:sub(#prefix + 1):match("^[^/?#]+")
end

-- Whether a path means the same to everybody: a server behind must not read another tenant in it.
local function normal(path)
  if path == nil or path == "*" then
    return true
  end
  path = path:match("^[^?]*")
  if path:sub(1, 1) ~= "/" or path:find("//", 1, true) or path:find("[\\#]") then
    return false
  end
  for digits in path:gmatch("%%(%x%x)") do
    if string.char(tonumber(digits, 16)):find("[%w%-._~/\\%z]") then
      return false
    end
  end
  for segment in path:gmatch("[^/]+") do
    local name = segment:match("^[^;]*")
    if name == "." or name == ".." then
      return false
    end
  end
  return true
end

local function from_header(request, source)
  return request.headers[source.name]
end

local function from_claim(request, source)
  local value = request.claims and request.claims[source.payload or "payload"]
  for _, key in ipairs(source.path) do
    value = type(value) == "table" and value[key] or nil
  end
  return value
end

local function from_api_key(request, source)
  local value = request.headers[source.header]
  local prefix = source.prefix or ""
  if value == nil or #value > LONGEST_KEY or value:sub(1, #prefix) ~= prefix then
    return nil
  end
  return OWNERS[source][sha256(value:sub(#prefix + 1))]
end

local FINDERS = {
  host = from_host,
  path = from_path,
  header = from_header,
  claim = from_claim,
  api_key = from_api_key,
}

-- The tenant and the source that found it, or nothing and why there is none.
local function find(request)
  if BY_PATH and not normal(request.path) then
    return nil, "path_not_normal"
  end
  local found, by
  for _, source in ipairs(CONFIG.sources) do
    local kind, detail = next(source)
    local name = FINDERS[kind](request, detail)
    if valid(name) then
      if found == nil then
        found, by = name, kind
      elseif found ~= name then
        return nil, "conflict"
      end
      if CONFIG.conflict ~= "refuse" then
        break
      end
    end
  end
  if found == nil and valid(CONFIG.default) then
    found, by = CONFIG.default, "default"
  end
  if found == nil then
    return nil, "none"
  elseif KNOWN and not KNOWN[found] then
    return nil, "unknown"
  end
  return found, by
end

-- Everything that sources look at, read before any header is removed. A header that comes twice is not believed.
local function read(handle, headers)
  local request = { authority = headers:get(":authority"), path = headers:get(":path"), headers = {} }
  for _, source in ipairs(CONFIG.sources) do
    local name = source.header and source.header.name or source.api_key and source.api_key.header
    if name and headers:getNumValues(name) == 1 then
      request.headers[name] = headers:getAtIndex(name, 0)
    end
    if source.claim then
      request.claims = handle:streamInfo():dynamicMetadata():get(CLAIMS)
    end
  end
  return request
end

local function remove(headers)
  headers:remove(CONFIG.header)
  for _, source in ipairs(CONFIG.sources) do
    if source.api_key and not source.api_key.forward then
      headers:remove(source.api_key.header)
    end
  end
end

local function deny(handle)
  handle:respond({ [":status"] = "403", ["content-type"] = "text/plain" }, "a tenant is required\n")
end

local function resolve(handle, headers, readable, request)
  if not readable then
    error(request)
  end
  local tenant, reason = find(request)
  local shadow = CONFIG.mode == "shadow"
  local metadata = handle:streamInfo():dynamicMetadata()
  local denied = tenant == nil and (CONFIG.required or reason == "conflict")
  metadata:set(METADATA, "decision", denied and "deny" or "allow")
  metadata:set(METADATA, "reason", reason)
  if tenant ~= nil then
    metadata:set(METADATA, shadow and "shadow_tenant" or "tenant", tenant)
    if not shadow then
      headers:add(CONFIG.header, tenant)
    end
  end
  return denied and not shadow
end

function envoy_on_request(handle)
  if CONFIG.mode == "off" then
    return
  end
  local headers = handle:headers()
  local readable, request = pcall(read, handle, headers)
  if CONFIG.mode ~= "shadow" then
    remove(headers)
  end
  local ok, denied = pcall(resolve, handle, headers, readable, request)
  if not ok then
    handle:logErr("tenant_context: " .. tostring(denied))
    denied = CONFIG.required and CONFIG.mode ~= "shadow"
  end
  if denied then
    deny(handle)
  end
end
