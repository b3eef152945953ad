-- Finds the tenant of a request. CONFIG is the configuration, put in front of this file when it is deployed.
--
-- Lua fails open: after an error Envoy lets the request pass without this filter. So all that can fail runs under pcall:
-- an error removes the client's own copy of the header, and denies where a tenant is required. What depends on the
-- tenant must deny when its metadata is absent.

local METADATA = "envoy.filters.http.lateen.tenant_context"
local CLAIMS = "envoy.filters.http.jwt_authn"
local DENIAL = { [":status"] = "403", ["content-type"] = "text/plain" }
local LONGEST = 63
local DOT = ("."):byte()

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

-- The words of the block that is compressed: one table for all, because nothing waits in between.
local w = {}

local function compress(state, text, place)
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

local ENFORCES = CONFIG.mode ~= "shadow"
local KNOWN = CONFIG.tenants and set_of(CONFIG.tenants)
local DEFAULT = valid(CONFIG.default) and CONFIG.default or nil

-- The functions below find a tenant in a source. They get what the configuration says of it, the headers, the path if
-- any source is one, and the handle.

local function from_host(source, headers)
  local host, suffix = headers:get(":authority"), source.suffix
  if host == nil then
    return nil
  end
  host = host:lower()
  if host:find(":", 1, true) then
    host = host:gsub(":%d+$", "")
  end
  if host:byte(-1) == DOT then
    host = host:sub(1, -2)
  end
  if #host <= #suffix or host:sub(-#suffix) ~= suffix then
    return nil
  end
  local label = host:sub(1, #host - #suffix)
  if label:find(".", 1, true) then
    return nil
  end
  return label
end

local function from_path(source, _, path)
  local prefix = source.prefix
  if path == nil or path:sub(1, #prefix) ~= prefix then
    return nil
  end
  return path:match("^[^/?#]+", #prefix + 1)
end

-- Whether a path means the same to everybody: a server behind must not read another tenant in it.
local function normal(path)
  if path == nil or path == "*" then
    return true
  end
  local query = path:find("?", 1, true)
  if query then
    path = path:sub(1, query - 1)
  end
  if path:sub(1, 1) ~= "/" or path:find("//", 1, true) or path:find("\\", 1, true) or path:find("#", 1, true) then
    return false
  end
  if path:find("%", 1, true) then
    for digits in path:gmatch("%%(%x%x)") do
      if string.char(tonumber(digits, 16)):find("[%w%-._~/\\%z]") then
        return false
      end
    end
  end
  return not (path:find("/.", 1, true) and (path .. "/"):find("/%.%.?[/;]"))
end

-- Envoy puts commas between the values of a header that comes twice, and no name has one: it is not believed.
local function from_header(source, headers)
  return headers:get(source.name)
end

local function from_claim(source, _, _, handle)
  local claims = handle:streamInfo():dynamicMetadata():get(CLAIMS)
  local value = claims and claims[source.payload or "payload"]
  for _, key in ipairs(source.path) do
    value = type(value) == "table" and value[key] or nil
  end
  return value
end

-- For each source of API keys the tenant by the digest of its key.
local OWNERS = {}

local function from_api_key(source, headers)
  local name, prefix = source.header, source.prefix or ""
  if headers:getNumValues(name) ~= 1 then
    return nil
  end
  local value = headers:getAtIndex(name, 0)
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

-- Where to look, whether a path is a source, and which headers hold keys that do not pass.
local SOURCES, BY_PATH, KEYS = {}, false, {}
for place, source in ipairs(CONFIG.sources) do
  local kind, detail = next(source)
  SOURCES[place] = { kind = kind, find = FINDERS[kind], detail = detail }
  BY_PATH = BY_PATH or kind == "path"
  if kind == "api_key" then
    OWNERS[detail] = {}
    for tenant, digests in pairs(detail.tenants) do
      for _, digest in ipairs(digests) do
        OWNERS[detail][digest] = tenant
      end
    end
    if not detail.forward then
      KEYS[#KEYS + 1] = detail.header
    end
  end
end

-- The tenant and the source that found it, or nothing and why there is none.
local function find(handle, headers)
  local path = BY_PATH and headers:get(":path") or nil
  if BY_PATH and not normal(path) then
    return nil, "path_not_normal"
  end
  local found, by
  for _, source in ipairs(SOURCES) do
    local name = source.find(source.detail, headers, path, handle)
    if valid(name) then
      if found == nil then
        found, by = name, source.kind
      elseif found ~= name then
        return nil, "conflict"
      end
      if CONFIG.conflict ~= "refuse" then
        break
      end
    end
  end
  if found == nil then
    found, by = DEFAULT, "default"
  end
  if found == nil then
    return nil, "none"
  elseif KNOWN and not KNOWN[found] then
    return nil, "unknown"
  end
  return found, by
end

-- Lets no header pass that only this filter may send, or nobody. A header that changes is written once: each time makes
-- Envoy look for the route again.
local function write(headers, tenant)
  if tenant == nil then
    headers:remove(CONFIG.header)
  end
  for _, name in ipairs(KEYS) do
    headers:remove(name)
  end
  if tenant then
    headers:replace(CONFIG.header, tenant)
  end
end

-- After an error: one header that cannot be removed keeps no other.
local function remove(handle)
  local headers = handle:headers()
  pcall(headers.remove, headers, CONFIG.header)
  for _, name in ipairs(KEYS) do
    pcall(headers.remove, headers, name)
  end
end

local function report(handle, problem)
  handle:logErr("tenant_context: " .. tostring(problem))
end

local function resolve(handle)
  local headers = handle:headers()
  local tenant, reason = find(handle, headers)
  if ENFORCES then
    write(headers, tenant)
  end
  local metadata = handle:streamInfo():dynamicMetadata()
  local denied = tenant == nil and (CONFIG.required or reason == "conflict")
  metadata:set(METADATA, "decision", denied and "deny" or "allow")
  metadata:set(METADATA, "reason", reason)
  if tenant ~= nil then
    metadata:set(METADATA, ENFORCES and "tenant" or "shadow_tenant", tenant)
  end
  return denied and ENFORCES
end

function envoy_on_request(handle)
  if CONFIG.mode == "off" then
    return
  end
  local ok, denied = pcall(resolve, handle)
  if not ok then
    if ENFORCES then
      pcall(remove, handle)
    end
    -- Nothing runs after respond(), so the report comes before it; where that fails too, the denial still comes.
    pcall(report, handle, denied)
    denied = CONFIG.required and ENFORCES
  end
  if denied then
    handle:respond(DENIAL, "a tenant is required\n")
  end
end
