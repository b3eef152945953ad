-- The objects that Envoy gives to Lua filters. What they do is in Python: `py` has a function for each method here,
-- which answers values, or nil and why the script gets an error.
local py = ...
local owned = setmetatable({}, {__mode = "k"})
local YIELD = {}
python = nil -- Envoy has none

local function object(methods, owner, value, iterate)
  local made = newproxy(true)
  local meta = getmetatable(made)
  meta.__index = methods
  meta.__pairs = iterate
  owned[made] = {owner = owner, value = value, yields = owner.yields}
  return made
end

-- Only the handle survives a yield; scripts ask it again for what else they need.
local function of(self)
  local found = owned[self]
  if found == nil or not found.owner.alive or (found.yields ~= found.owner.yields and self ~= found.owner.handle) then
    error("object used outside of proper scope", 3)
  end
  return found.value
end

local function text(value, number)
  if type(value) ~= "string" and type(value) ~= "number" then
    local got = value == nil and "no value" or type(value)
    error(("bad argument #%d to '?' (string expected, got %s)"):format(number, got), 3)
  end
  return tostring(value)
end

local function number(value, place)
  if tonumber(value) == nil then
    local got = value == nil and "no value" or type(value)
    error(("bad argument #%d to '?' (number expected, got %s)"):format(place, got), 3)
  end
  return tonumber(value)
end

local function checked(value, problem)
  if problem ~= nil then
    error(tostring(problem), 3)
  end
  return value
end

-- LuaJIT as Envoy builds it honours __pairs; this one does not, so `pairs` itself does.
local raw_pairs = pairs
function pairs(value)
  local meta = type(value) == "userdata" and getmetatable(value)
  if meta and meta.__pairs then
    return meta.__pairs(value)
  end
  return raw_pairs(value)
end

-- Headers of a table: name and value of each, of a table of values one for each of them.
local function listed(headers)
  local fields = {}
  for name, value in raw_pairs(headers) do
    for _, one in ipairs(type(value) == "table" and value or {value}) do
      fields[#fields + 1] = {tostring(name), tostring(one)}
    end
  end
  return fields
end

-- A method that gives another object: `value` makes what it stands for, which is else what the handle stands for.
local function giving(methods, iterate, value)
  return function(self)
    local it, owner = of(self), owned[self].owner
    return object(methods, owner, value and value(it) or it, iterate)
  end
end

local function logging(methods)
  for level, name in raw_pairs({trace = "Trace", debug = "Debug", info = "Info", warning = "Warn", error = "Err", critical = "Critical"}) do
    methods["log" .. name] = function(self, message)
      of(self)
      py.log(level, text(message, 2))
    end
  end
  return methods
end

local Headers = logging({})
function Headers.add(self, name, value)
  local it = of(self)
  checked(py.headers_add(it, text(name, 2), text(value, 3)))
end
function Headers.get(self, name)
  return py.headers_get(of(self), text(name, 2))
end
function Headers.getAtIndex(self, name, index)
  return py.headers_at(of(self), text(name, 2), number(index, 3))
end
function Headers.getNumValues(self, name)
  return py.headers_count(of(self), text(name, 2))
end
function Headers.remove(self, name)
  checked(py.headers_remove(of(self), text(name, 2)))
end
function Headers.replace(self, name, value)
  local it = of(self)
  checked(py.headers_replace(it, text(name, 2), text(value, 3)))
end
function Headers.setHttp1ReasonPhrase(self, phrase)
  local it = of(self)
  text(phrase, 2)
  checked(py.headers_modify(it))
end
local function each_header(self)
  local it = of(self)
  local items = checked(py.headers_items(it))
  local index = 0
  return function()
    of(self)
    index = index + 1
    if items[index] == nil then
      py.headers_iterated(it)
      return nil
    end
    return items[index][1], items[index][2]
  end
end

local Map = logging({})
function Map.get(self, key)
  return py.map_get(of(self), text(key, 2))
end
local function each_entry(self)
  return raw_pairs(py.map_items(of(self)))
end

local Dynamic = logging({})
function Dynamic.get(self, namespace)
  return py.metadata_get(of(self), text(namespace, 2))
end
function Dynamic.set(self, namespace, key, value)
  local it = of(self)
  py.metadata_set(it, text(namespace, 2), text(key, 3), value, type(value) == "table" and #value or 0)
end
local function each_namespace(self)
  return raw_pairs(py.metadata_items(of(self)))
end

local State = logging({})
function State.get(self, key)
  return py.state_get(of(self), text(key, 2))
end
function State.set(self, key, factory, value)
  local it = of(self)
  checked(py.state_set(it, text(key, 2), text(factory, 3), text(value, 4)))
end

local Body = logging({})
function Body.length(self)
  return py.body_length(of(self))
end
function Body.getBytes(self, index, length)
  local it = of(self)
  return checked(py.body_get(it, number(index, 2), number(length, 3)))
end
function Body.setBytes(self, bytes)
  return py.body_set(of(self), text(bytes, 2))
end

local Counter, Gauge, Histogram = logging({}), logging({}), logging({})
function Counter.inc(self) py.counter_add(of(self), 1) end
function Counter.add(self, amount) py.counter_add(of(self), number(amount, 2)) end
function Counter.value(self) return py.counter_value(of(self)) end
function Gauge.inc(self) py.gauge_add(of(self), 1) end
function Gauge.dec(self) py.gauge_add(of(self), -1) end
function Gauge.add(self, amount) py.gauge_add(of(self), number(amount, 2)) end
function Gauge.sub(self, amount) py.gauge_add(of(self), -number(amount, 2)) end
function Gauge.set(self, value) py.gauge_set(of(self), number(value, 2)) end
function Gauge.value(self) return py.gauge_value(of(self)) end
function Histogram.recordValue(self, value) py.histogram_record(of(self), number(value, 2)) end

local Stats = logging({})
function Stats.counter(self, name)
  local _, owner = of(self), owned[self].owner
  return object(Counter, owner, text(name, 2))
end
function Stats.gauge(self, name)
  local _, owner = of(self), owned[self].owner
  return object(Gauge, owner, text(name, 2))
end
function Stats.histogram(self, name)
  local _, owner = of(self), owned[self].owner
  return object(Histogram, owner, text(name, 2))
end

local Info = logging({})
for _, name in ipairs({
  "protocol", "routeName", "virtualClusterName", "downstreamLocalAddress", "downstreamRemoteAddress",
  "downstreamDirectLocalAddress", "downstreamDirectRemoteAddress", "requestedServerName",
}) do
  Info[name] = function(self)
    return py.info(of(self), name)
  end
end
function Info.downstreamSslConnection(self)
  of(self)
end
function Info.drainConnectionUponCompletion(self)
  of(self)
end
function Info.dynamicTypedMetadata(self, name)
  of(self)
  text(name, 2)
end
Info.dynamicMetadata = giving(Dynamic, each_namespace)
Info.filterState = giving(State)

local Connection = logging({})
function Connection.ssl(self)
  of(self)
end

local ConnectionInfo = logging({})
ConnectionInfo.dynamicMetadata = giving(Map, each_entry, py.nothing)
function ConnectionInfo.dynamicTypedMetadata(self, name)
  of(self)
  text(name, 2)
end

local Named = logging({})
Named.metadata = giving(Map, each_entry, py.nothing)

local Key = logging({})
function Key.get(self)
  local it = of(self)
  return it
end

local Handle = logging({})
Handle.headers = giving(Headers, each_header, py.headers)
Handle.requestHeaders = giving(Headers, each_header, py.request_headers)
function Handle.body(self)
  local it, owner = of(self), owned[self].owner
  local ready = checked(py.body(it))
  if ready == "wait" then
    ready = coroutine.yield(YIELD)
  end
  if ready then
    return object(Body, owner, ready, nil)
  end
  return nil
end
function Handle.bodyChunks(self)
  local it, owner = of(self), owned[self].owner
  checked(py.body_chunks(it))
  return function()
    of(self)
    if not py.next_chunk(it) then
      return nil
    end
    local piece = coroutine.yield(YIELD)
    if piece then
      return object(Body, owner, piece)
    end
    return nil
  end
end
function Handle.trailers(self)
  local it, owner = of(self), owned[self].owner
  local found = py.trailers(it)
  if found == "wait" then
    found = coroutine.yield(YIELD)
  end
  if found then
    return object(Headers, owner, found, each_header)
  end
  return nil
end
function Handle.httpCall(self, cluster, headers, body, timeout, rest)
  local it = of(self)
  local options = type(timeout) == "table" and timeout or {timeout_ms = timeout, asynchronous = rest}
  if type(headers) ~= "table" then
    error("bad argument #3 to '?' (table expected, got " .. (headers == nil and "no value" or type(headers)) .. ")", 2)
  end
  local fields = listed(headers)
  checked(py.http_call(it, text(cluster, 2), fields, body, number(options.timeout_ms, 5), options.asynchronous and true or false))
  if options.asynchronous then
    return
  end
  return coroutine.yield(YIELD)
end
function Handle.respond(self, headers, body)
  local it = of(self)
  local fields = listed(headers or {})
  checked(py.respond(it, fields, body))
  coroutine.yield(YIELD)
end
Handle.metadata = giving(Map, each_entry, py.nothing)
Handle.filterContext = giving(Map, each_entry, py.nothing)
Handle.streamInfo = giving(Info, nil, py.stream_info)
Handle.connection = giving(Connection)
Handle.connectionStreamInfo = giving(ConnectionInfo)
Handle.route = giving(Named)
Handle.virtualHost = giving(Named)
Handle.stats = giving(Stats)
function Handle.clearRouteCache(self)
  of(self)
end
function Handle.setUpstreamOverrideHost(self, host)
  of(self)
  text(host, 2)
end
function Handle.importPublicKey(self, der, length)
  local _, owner = of(self), owned[self].owner
  local key = text(der, 2):sub(1, number(length, 3))
  if owner.key == nil or owned[owner.key].yields ~= owner.yields then -- Envoy keeps the first
    owner.key = object(Key, owner, py.is_key(key) and key or nil)
  end
  return owner.key
end
function Handle.verifySignature(self, hash, key, signature, signature_length, data, data_length)
  of(self)
  local name, der = text(hash, 2), text(key, 3)
  if not py.is_key(der) then
    error("invalid public key", 2)
  end
  local signed, content = text(signature, 4), text(data, 6)
  return py.verify(name, der, signed:sub(1, number(signature_length, 5)), content:sub(1, number(data_length, 7)))
end
function Handle.base64Escape(self, value)
  of(self)
  return py.base64_encode(text(value, 2))
end
function Handle.base64Decode(self, value)
  of(self)
  return py.base64_decode(text(value, 2))
end
EnvoyTimestampResolution = {MILLISECOND = 1, MICROSECOND = 2}
function Handle.timestamp(self, resolution)
  of(self)
  if resolution ~= nil and resolution ~= EnvoyTimestampResolution.MILLISECOND then
    error("timestamp format must be MILLISECOND.", 2)
  end
  return py.time(1000000)
end
function Handle.timestampString(self, resolution)
  of(self)
  if resolution == EnvoyTimestampResolution.MICROSECOND then
    return ("%.0f"):format(py.time(1000))
  elseif resolution == nil or resolution == EnvoyTimestampResolution.MILLISECOND then
    return ("%.0f"):format(py.time(1000000))
  end
  error("timestamp format must be MILLISECOND or MICROSECOND.", 2)
end

-- What Python calls.
local function run(coroutine_, owner, ...)
  local results = {coroutine.resume(coroutine_, ...)}
  if not results[1] then
    owner.alive = false
    return "error", tostring(results[2])
  end
  if coroutine.status(coroutine_) == "dead" then
    owner.alive = false
    return "done"
  end
  if results[2] ~= YIELD then
    owner.alive = false
    return "error", "script performed an unexpected yield"
  end
  owner.yields = owner.yields + 1
  return "wait"
end

return {
  load = function(source)
    local chunk, problem = loadstring(source)
    if chunk == nil then
      return problem
    end
    local ok, failure = pcall(chunk)
    return not ok and tostring(failure) or nil
  end,
  has = function(name)
    return type(_G[name]) == "function"
  end,
  start = function(name, it)
    local owner = {alive = true, yields = 0}
    owner.handle = object(Handle, owner, it)
    local coroutine_ = coroutine.create(_G[name])
    return coroutine_, owner, run(coroutine_, owner, owner.handle)
  end,
  resume = run,
  table = function()
    return {}
  end,
}
