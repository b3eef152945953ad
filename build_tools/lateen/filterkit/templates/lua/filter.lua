-- Requests say which version of the API they speak. CONFIG is the configuration, put in front of this file when it is
-- deployed.
--
-- Lua fails open: after an error Envoy lets the request pass without this filter. So what decides runs under pcall, and
-- an error refuses the request.

local METADATA = "envoy.filters.http.lateen.{{name}}"

-- The version, or nil and the reason why there is none. All values of the header count: with two of them a client could
-- show one to this filter and the other to the service.
local function decide(headers)
  local count = headers:getNumValues(CONFIG.header)
  if count > 1 then
    return nil, "repeated"
  end
  if count == 0 then
    if CONFIG.default then
      return CONFIG.default
    end
    return nil, "missing"
  end
  local value = headers:getAtIndex(CONFIG.header, 0)
  for _, version in ipairs(CONFIG.accept) do
    if value == version then
      return version
    end
  end
  return nil, "not_accepted"
end

local function publish(handle, version, reason)
  local metadata = handle:streamInfo():dynamicMetadata()
  if version then
    metadata:set(METADATA, "version", version)
    metadata:set(METADATA, "decision", "allow")
  else
    metadata:set(METADATA, "decision", "deny")
    metadata:set(METADATA, "reason", reason)
  end
end

local function judge(handle)
  local headers = handle:headers()
  local version, reason = decide(headers)
  publish(handle, version, reason)
  if version then
    headers:replace(CONFIG.header, version)
    return nil
  end
  if CONFIG.mode == "shadow" then
    return nil
  end
  return reason
end

function envoy_on_request(handle)
  if CONFIG.mode == "off" then
    return
  end
  local ok, refusal = pcall(judge, handle)
  if not ok then
    handle:logErr("{{name}} cannot decide: " .. tostring(refusal))
    refusal = CONFIG.mode ~= "shadow" and "error"
  end
  if refusal then
    handle:respond({[":status"] = "406", ["content-type"] = "text/plain"}, refusal .. "\n")
  end
end
