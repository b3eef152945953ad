-- Lets no trace context pass that the W3C's specifications do not allow, or that CONFIG does not. CONFIG is the
-- configuration, put in front of this file when it is deployed.
--
-- Lua fails open: after an error Envoy lets the request pass without this filter. So all that can fail runs under pcall,
-- nothing is written before all of it has been looked at, and after an error what the client sent is removed.
--
-- A call to Envoy costs more than most of what is done here between two of them, and one that writes a header makes
-- Envoy look for the route again. So a header is read whole, and written only if it changes.

local METADATA = "envoy.filters.http.lateen.trace_policy"
local NAMES = { "traceparent", "tracestate", "baggage" }

-- Of Trace Context and Baggage. A longer header than LONGEST is not looked at.
local MOST_VENDORS, STATE_BYTES, LONG_VENDOR = 32, 512, 128
local MOST_BAGGAGE, BAGGAGE_BYTES = 64, 8192
local LONGEST = 16384

local NO_TRACE, NO_PARENT = ("0"):rep(32), ("0"):rep(16)
local SPACE, SEMICOLON = (" "):byte(), (";"):byte()

local function set_of(list)
  local set = {}
  for _, item in ipairs(list or {}) do
    set[item] = true
  end
  return set
end

local ENFORCES, TRUSTS = CONFIG.mode ~= "shadow", CONFIG.trust ~= "none"
local VENDORS = CONFIG.tracestate and CONFIG.tracestate.vendors and set_of(CONFIG.tracestate.vendors)
local BAGGAGE = CONFIG.baggage and CONFIG.baggage.keys and set_of(CONFIG.baggage.keys)
local PROPERTIES = not (CONFIG.baggage and CONFIG.baggage.properties == false)
local SAMPLING = CONFIG.sampling or {}
local REMOVED = CONFIG.remove or {}

-- All values of a header as one list; nil if there is none, false if there is more of it than anybody may send. The
-- commas that Envoy puts between values were not sent.
local function read(headers, name)
  local text = headers:get(name)
  if text and #text > LONGEST and #text >= LONGEST + headers:getNumValues(name) then
    return false
  end
  return text
end

local function repeated(headers, name, text)
  return text:find(",", 1, true) and headers:getNumValues(name) > 1
end

-- Puts `text` in the place of what was read, in one header.
local function write(headers, name, was, text)
  if text == nil then
    if was ~= nil then
      headers:remove(name)
    end
  elseif text ~= was or repeated(headers, name, text) then
    headers:replace(name, text)
  end
end

-- Without blanks at its ends. A pattern for both ends at once takes time by the square of a run of blanks within.
local function trimmed(text)
  if text == "" or text:byte() > SPACE and text:byte(-1) > SPACE then
    return text
  end
  local first = text:find("[^ \t]")
  return first and text:match(".*[^ \t]", first) or ""
end

-- The iterator of a list: from a place in its text on the next member that is not empty, and the place behind it.
local function next_member(text, place)
  while place <= #text do
    local comma = text:find(",", place, true) or #text + 1
    local member = trimmed(text:sub(place, comma - 1))
    place = comma + 1
    if member ~= "" then
      return place, member
    end
  end
end

local function count_of(text)
  local count = 0
  for _ in next_member, text or "", 1 do
    count = count + 1
  end
  return count
end

-- What there is to say of a traceparent, and if it is valid the trace, the parent and the flags. A version beyond 00 is
-- read as far as 00 goes.
local function parent_of(headers, text)
  if text == nil then
    return "missing"
  elseif text and repeated(headers, "traceparent", text) then
    return "repeated"
  end
  local version, trace, parent, flags, rest =
    (text or ""):match("^([0-9a-f][0-9a-f])%-([0-9a-f]+)%-([0-9a-f]+)%-[0-9a-f]([0-9a-f])(.*)$")
  if version == nil or version == "ff" or #trace ~= 32 or #parent ~= 16 then
    return "malformed"
  elseif trace == NO_TRACE or parent == NO_PARENT then
    return "malformed"
  elseif rest ~= "" and (version == "00" or rest:sub(1, 1) ~= "-") then
    return "malformed"
  end
  -- Of the flags only sampled (1) and random (2) have a meaning; the others are to be zero.
  return "valid", trace, parent, tonumber(flags, 16) % 4
end

-- Leaves as many vendors as have room, those that changed last first; the long ones go before any other.
local function shorten(kept, limit)
  local size = 0
  for _, member in ipairs(kept) do
    size = size + #member + 1
  end
  for _, longest in ipairs({ LONG_VENDOR, 0 }) do
    for place = #kept, 1, -1 do
      if size - 1 > limit and #kept[place] > longest then
        size = size - #kept[place] - 1
        table.remove(kept, place)
      end
    end
  end
end

-- The tracestate that may pass, and how many members were dropped. One that cannot be read is dropped whole.
local function vendors_of(text)
  if not text then
    return nil, text == false and 1 or 0
  end
  local kept, seen, count = {}, {}, 0
  for _, member in next_member, text, 1 do
    local key = member:match("^([a-z0-9][a-z0-9_*/@-]*)=[\32-\43\45-\60\62-\126]+$")
    count = count + 1
    if key == nil or #key > 256 or #member - #key > 257 or seen[key] or count > MOST_VENDORS then
      return nil, count_of(text)
    end
    seen[key] = true
    local system = key:find("@", 1, true)
    if VENDORS == nil or VENDORS[key] or system and VENDORS[key:sub(system)] then
      kept[#kept + 1] = member
    end
  end
  if #text > STATE_BYTES then
    shorten(kept, STATE_BYTES)
  end
  return kept[1] and table.concat(kept, ","), count - #kept
end

local TOKEN = "[%w!#$%%&'*+.^_`|~-]+"
-- Of a value or property of baggage: no blanks, quotes, commas, semicolons or backslashes.
local OCTETS = '[^%z\1-\32",;\\\127-\255]*'
local PLAIN = "^(" .. TOKEN .. ")=" .. OCTETS .. "$"
local PAIR = "^(" .. TOKEN .. ")[ \t]*=[ \t]*(" .. OCTETS .. ")[ \t]*()"
local NAME, CONTENT = "^" .. TOKEN .. "$", "^" .. OCTETS .. "$"

-- A member of baggage in its shortest form, and its key; nothing if it is not well-formed.
local function baggage_member(member)
  local plain = member:match(PLAIN)
  if plain then
    return member, plain
  end
  local key, value, rest = member:match(PAIR)
  if key == nil or rest <= #member and member:byte(rest) ~= SEMICOLON then
    return nil
  end
  local parts = { key .. "=" .. value }
  for property in member:sub(rest):gmatch(";([^;]*)") do
    property = trimmed(property)
    local name, content = property:match("^([^=]*)=(.*)$")
    if name == nil then
      name, content = property, ""
    end
    if not trimmed(name):find(NAME) or not trimmed(content):find(CONTENT) then
      return nil
    end
    if PROPERTIES then
      parts[#parts + 1] = property
    end
  end
  return table.concat(parts, ";"), key
end

-- The baggage that may pass, and how many members were dropped. Of a key that comes twice neither is believed.
local function baggage_of(text)
  if not text then
    return nil, text == false and 1 or 0
  end
  local members, places, count = {}, {}, 0
  for _, given in next_member, text, 1 do
    local member, key = baggage_member(given)
    count = count + 1
    if key and places[key] then
      members[places[key]] = false
    elseif key and (BAGGAGE == nil or BAGGAGE[key]) then
      members[#members + 1] = member
      places[key] = #members
    end
  end
  local kept, size = 0, -1
  for _, member in ipairs(members) do
    if member and kept < MOST_BAGGAGE and size + 1 + #member <= BAGGAGE_BYTES then
      kept, size = kept + 1, size + 1 + #member
      members[kept] = member
    end
  end
  return kept > 0 and table.concat(members, ",", 1, kept) or nil, count - kept
end

-- Seeded once for each worker: the time in microseconds and where its memory lies are its own.
local seeded = false

local function word()
  return math.random(0, 4294967295)
end

-- A new trace and parent, and their flags.
local function new_parent(handle)
  if not seeded then
    local time = tonumber(handle:timestampString(EnvoyTimestampResolution.MICROSECOND)) % 2 ^ 31
    local place = math.floor(tonumber(tostring({}):match("0x(%x+)") or "0", 16) / 16) % 2 ^ 21
    math.randomseed(time * 2 ^ 21 + place)
    seeded = true
  end
  local trace = ("%08x%08x%08x%08x"):format(word(), word(), word(), word())
  return trace, ("%08x%08x"):format(word(), word()), 2
end

-- Whether a trace is to be recorded. A ratio goes by the random end of the trace's id, so that every proxy with the
-- same ratio comes to the same result.
local function sampled(trace, flags)
  if SAMPLING.decision == "always" then
    return true
  elseif SAMPLING.decision == "never" then
    return false
  elseif SAMPLING.ratio then
    return tonumber(trace:sub(-13), 16) < SAMPLING.ratio * 2 ^ 52
  end
  return flags % 2 == 1
end

-- Tells what was decided. Only of some requests there is a sampled flag, or a trace of a client that is not trusted.
local function tell(handle, decision, reason, record, client, lost, forgotten)
  local metadata = handle:streamInfo():dynamicMetadata()
  metadata:set(METADATA, "decision", decision)
  metadata:set(METADATA, "reason", reason)
  metadata:set(METADATA, "tracestate_dropped", lost)
  metadata:set(METADATA, "baggage_dropped", forgotten)
  if record ~= nil then
    metadata:set(METADATA, "sampled", record)
  end
  if client then
    metadata:set(METADATA, "client_trace_id", client)
  end
end

local function apply(handle)
  local headers = handle:headers()
  local parent, state, baggage = read(headers, "traceparent"), read(headers, "tracestate"), read(headers, "baggage")
  local reason, trace, span, flags = parent_of(headers, parent)
  local decision, client = "removed", nil
  if trace and not TRUSTS then
    reason, client, trace = "untrusted", trace, nil
  end
  local vendors, lost, bags, forgotten = nil, 0, nil, 0
  if TRUSTS then
    bags, forgotten = baggage_of(baggage)
  else
    forgotten = count_of(baggage)
  end
  if trace then
    decision = "kept"
    vendors, lost = vendors_of(state)
  else
    lost = count_of(state)
    if CONFIG.generate then
      decision, trace, span, flags = "generated", new_parent(handle)
    elseif reason == "missing" then
      decision = "absent"
    end
  end
  local context, record
  if trace then
    record = sampled(trace, flags)
    context = "00-" .. trace .. "-" .. span .. "-0" .. flags - flags % 2 + (record and 1 or 0)
  end
  if ENFORCES then
    write(headers, "traceparent", parent, context)
    write(headers, "tracestate", state, vendors)
    write(headers, "baggage", baggage, bags)
    for _, name in ipairs(REMOVED) do
      headers:remove(name)
    end
    if SAMPLING.header and record ~= nil then
      headers:replace(SAMPLING.header, record and "1" or "0")
    elseif SAMPLING.header then
      headers:remove(SAMPLING.header)
    end
  end
  tell(handle, decision, reason, record, client, lost, forgotten)
end

-- After an error: one header that cannot be removed keeps no other.
local function remove(headers)
  for _, name in ipairs(NAMES) do
    pcall(headers.remove, headers, name)
  end
  for _, name in ipairs(REMOVED) do
    pcall(headers.remove, headers, name)
  end
  if SAMPLING.header then
    pcall(headers.remove, headers, SAMPLING.header)
  end
end

function envoy_on_request(handle)
  if CONFIG.mode == "off" then
    return
  end
  local ok, problem = pcall(apply, handle)
  if not ok then
    if ENFORCES then
      remove(handle:headers())
    end
    handle:logErr("trace_policy: " .. tostring(problem))
  end
end
