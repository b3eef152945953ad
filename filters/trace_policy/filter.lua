-- Lets no trace context pass that the W3C's specifications do not allow, or that CONFIG does not. CONFIG is the
-- configuration, put in front of this file when it is deployed.
--
-- Lua fails open: after an error Envoy lets the request pass without this filter. So what the client sent is removed
-- before anything can fail, and put back only when all of it has been looked at.

local METADATA = "envoy.filters.http.lateen.trace_policy"
local NAMES = { "traceparent", "tracestate", "baggage" }

-- Of Trace Context and Baggage. A longer header than LONGEST is not looked at.
local MOST_VENDORS, STATE_BYTES, LONG_VENDOR = 32, 512, 128
local MOST_BAGGAGE, BAGGAGE_BYTES = 64, 8192
local LONGEST = 16384

local NO_TRACE, NO_PARENT = ("0"):rep(32), ("0"):rep(16)

-- Every value of a header; nothing if there is more of it than anybody may send.
local function values_of(headers, name)
  local values, size = {}, 0
  for index = 0, headers:getNumValues(name) - 1 do
    local value = headers:getAtIndex(name, index)
    size = size + #value
    if size > LONGEST then
      return nil
    end
    values[#values + 1] = value
  end
  return values
end

local function set_of(list)
  local set = {}
  for _, item in ipairs(list or {}) do
    set[item] = true
  end
  return set
end

local VENDORS = CONFIG.tracestate and CONFIG.tracestate.vendors and set_of(CONFIG.tracestate.vendors)
local BAGGAGE = CONFIG.baggage and CONFIG.baggage.keys and set_of(CONFIG.baggage.keys)
local SAMPLING = CONFIG.sampling or {}

-- Without blanks at its ends. A pattern for both ends at once takes time by the square of a run of blanks within.
local function trimmed(text)
  local first = text:find("[^ \t]")
  return first and text:match(".*[^ \t]", first) or ""
end

-- The members of a list over all values of its header, without empty ones.
local function members_of(values)
  local members = {}
  for _, value in ipairs(values) do
    for member in value:gmatch("[^,]+") do
      member = trimmed(member)
      if member ~= "" then
        members[#members + 1] = member
      end
    end
  end
  return members
end

-- The parent in a traceparent, or nothing and why there is none. A version beyond 00 is read as far as 00 goes.
local function parent_of(values)
  if values == nil then
    return nil, "malformed"
  elseif #values == 0 then
    return nil, "missing"
  elseif #values > 1 then
    return nil, "repeated"
  end
  local version, trace, parent, flags, rest =
    values[1]:match("^([0-9a-f][0-9a-f])%-([0-9a-f]+)%-([0-9a-f]+)%-([0-9a-f][0-9a-f])(.*)$")
  if version == nil or version == "ff" or #trace ~= 32 or #parent ~= 16 then
    return nil, "malformed"
  elseif trace == NO_TRACE or parent == NO_PARENT then
    return nil, "malformed"
  elseif rest ~= "" and (version == "00" or rest:sub(1, 1) ~= "-") then
    return nil, "malformed"
  end
  -- Of the flags only sampled (1) and random (2) have a meaning; the others are to be zero.
  return { trace = trace, parent = parent, flags = tonumber(flags, 16) % 4 }, "valid"
end

local function valid_vendor(key)
  return #key <= 256 and key:find("^[a-z0-9][a-z0-9_*/@-]*$") ~= nil
end

-- The members of a tracestate that may pass, and how many were dropped. One that cannot be read is dropped whole.
local function vendors_of(values)
  if values == nil then
    return {}, 1
  end
  local members, seen, kept = members_of(values), {}, {}
  if #members > MOST_VENDORS then
    return {}, #members
  end
  for _, member in ipairs(members) do
    local key, value = member:match("^([^=]+)=([\32-\43\45-\60\62-\126]+)$")
    if key == nil or not valid_vendor(key) or #value > 256 or seen[key] then
      return {}, #members
    end
    seen[key] = true
    if VENDORS == nil or VENDORS[key] or VENDORS[key:match("@.*$") or ""] then
      kept[#kept + 1] = member
    end
  end
  return kept, #members - #kept
end

-- As many vendors as have room, those that changed last first; the long ones go before any other.
local function within(kept, limit)
  local size = 0
  for _, member in ipairs(kept) do
    size = size + #member + 1
  end
  local dropped = 0
  for _, longest in ipairs({ LONG_VENDOR, 0 }) do
    for place = #kept, 1, -1 do
      if size - 1 > limit and #kept[place] > longest then
        size = size - #kept[place] - 1
        table.remove(kept, place)
        dropped = dropped + 1
      end
    end
  end
  return kept, dropped
end

local function token(text)
  return text:find("^[%w!#$%%&'*+.^_`|~-]+$") ~= nil
end

-- A value or property of baggage: no blanks, quotes, commas, semicolons or backslashes.
local function octets(text)
  return text:find('[%z\1-\32",;\\\127-\255]') == nil
end

-- A member of baggage in its shortest form, and its key; nothing if it is not well-formed.
local function baggage_member(member)
  local first, properties = member:match("^([^;]*)(.*)$")
  local key, value = first:match("^([^=]*)=(.*)$")
  if key == nil then
    return nil
  end
  key, value = trimmed(key), trimmed(value)
  if not token(key) or not octets(value) then
    return nil
  end
  local parts = { key .. "=" .. value }
  for property in properties:gmatch(";([^;]*)") do
    property = trimmed(property)
    local name, content = property:match("^([^=]*)=(.*)$")
    if name == nil then
      name, content = property, ""
    end
    if not token(trimmed(name)) or not octets(trimmed(content)) then
      return nil
    end
    if not (CONFIG.baggage and CONFIG.baggage.properties == false) then
      parts[#parts + 1] = property
    end
  end
  return table.concat(parts, ";"), key
end

-- The members of baggage that may pass, and how many were dropped. Of a key that comes twice neither is believed.
local function baggage_of(values)
  if values == nil then
    return {}, 1
  end
  local members, texts, keys, count = members_of(values), {}, {}, {}
  for place, member in ipairs(members) do
    texts[place], keys[place] = baggage_member(member)
    if keys[place] then
      count[keys[place]] = (count[keys[place]] or 0) + 1
    end
  end
  local kept, size = {}, 0
  for place = 1, #members do
    local text, key = texts[place], keys[place]
    if text and count[key] == 1 and (BAGGAGE == nil or BAGGAGE[key]) and #kept < MOST_BAGGAGE then
      local room = size + #text + (size > 0 and 1 or 0)
      if room <= BAGGAGE_BYTES then
        kept[#kept + 1], size = text, room
      end
    end
  end
  return kept, #members - #kept
end

-- Seeded once for each worker: the time in microseconds and where its memory lies are its own.
local seeded = false

local function hexadecimal(handle, digits)
  if not seeded then
    local time = tonumber(handle:timestampString(EnvoyTimestampResolution.MICROSECOND)) % 2 ^ 31
    local place = math.floor(tonumber(tostring({}):match("0x(%x+)") or "0", 16) / 16) % 2 ^ 21
    math.randomseed(time * 2 ^ 21 + place)
    seeded = true
  end
  local text = ""
  while #text < digits do
    text = text .. ("%04x"):format(math.random(0, 65535))
  end
  return text
end

local function new_parent(handle)
  return { trace = hexadecimal(handle, 32), parent = hexadecimal(handle, 16), flags = 2 }
end

-- Whether a trace is to be recorded. A ratio goes by the random end of the trace's id, so that every proxy with the
-- same ratio comes to the same result.
local function sampled(context)
  if SAMPLING.decision == "always" then
    return true
  elseif SAMPLING.decision == "never" then
    return false
  elseif SAMPLING.ratio then
    return tonumber(context.trace:sub(-13), 16) < SAMPLING.ratio * 2 ^ 52
  end
  return context.flags % 2 == 1
end

-- What is to be sent, and what is told of it. `given` are the values by header.
local function judge(handle, given)
  local context, reason = parent_of(given.traceparent)
  local send, told = {}, { reason = reason, decision = "removed" }
  if context and CONFIG.trust == "none" then
    told.reason, told.client_trace_id, context = "untrusted", context.trace, nil
  end
  local vendors, lost, bags, forgotten = {}, 0, {}, 0
  if CONFIG.trust ~= "none" then
    bags, forgotten = baggage_of(given.baggage)
  else
    forgotten = #members_of(given.baggage or {})
  end
  if context then
    told.decision = "kept"
    vendors, lost = vendors_of(given.tracestate)
    local dropped
    vendors, dropped = within(vendors, STATE_BYTES)
    lost = lost + dropped
  else
    lost = #members_of(given.tracestate or {})
    if CONFIG.generate then
      context, told.decision = new_parent(handle), "generated"
    elseif reason == "missing" then
      told.decision = "absent"
    end
  end
  if context then
    told.sampled = sampled(context)
    local flags = context.flags - context.flags % 2 + (told.sampled and 1 or 0)
    send.traceparent = ("00-%s-%s-%02x"):format(context.trace, context.parent, flags)
  end
  send.tracestate = #vendors > 0 and table.concat(vendors, ",") or nil
  send.baggage = #bags > 0 and table.concat(bags, ",") or nil
  told.tracestate_dropped, told.baggage_dropped = lost, forgotten
  return { send = send, told = told }
end

local function read(headers)
  local given = {}
  for _, name in ipairs(NAMES) do
    given[name] = values_of(headers, name)
  end
  return given
end

local function remove(headers)
  for _, name in ipairs(NAMES) do
    headers:remove(name)
  end
  for _, name in ipairs(CONFIG.remove or {}) do
    headers:remove(name)
  end
  if SAMPLING.header then
    headers:remove(SAMPLING.header)
  end
end

function envoy_on_request(handle)
  if CONFIG.mode == "off" then
    return
  end
  local headers = handle:headers()
  local shadow = CONFIG.mode == "shadow"
  local readable, given = pcall(read, headers)
  if not shadow then
    remove(headers)
  end
  if not readable then
    handle:logErr("trace_policy: " .. tostring(given))
    return
  end
  local ok, result = pcall(judge, handle, given)
  if not ok then
    handle:logErr("trace_policy: " .. tostring(result))
    return
  end
  if not shadow then
    for _, name in ipairs(NAMES) do
      if result.send[name] then
        headers:add(name, result.send[name])
      end
    end
    if SAMPLING.header and result.told.sampled ~= nil then
      headers:add(SAMPLING.header, result.told.sampled and "1" or "0")
    end
  end
  local metadata = handle:streamInfo():dynamicMetadata()
  for key, value in pairs(result.told) do
    metadata:set(METADATA, key, value)
  end
end
