-- Finds the tenant of a request. CONFIG is the configuration, put in front of this file when it is deployed.
--
-- Lua fails open: after an error Envoy lets the request pass without this filter. So the client's own copy of the
-- header is removed before anything can fail, and what depends on the tenant must deny when its metadata is absent.

local METADATA = "envoy.filters.http.lateen.tenant_context"
local LONGEST = 63

-- A tenant's name is a letter or digit, then letters, digits, dots, dashes and underscores: it may end up in logs,
-- metrics and paths.
local function valid(name)
  return name ~= nil and #name <= LONGEST and name:find("^[%w][%w._-]*$") ~= nil
end

local function from_host(headers, suffix)
  local host = headers:get(":authority")
  if host == nil then
    return nil
  end
  host = host:lower():gsub(":%d+$", "")
  if #host <= #suffix or host:sub(-#suffix) ~= suffix then
    return nil
  end
  local label = host:sub(1, #host - #suffix)
  if label:find(".", 1, true) then
    return nil
  end
  return label
end

local function from_path(headers, prefix)
  local path = headers:get(":path")
  if path == nil or path:sub(1, #prefix) ~= prefix then
    return nil
  end
  return path:sub(#prefix + 1):match("^[^/?#]+")
end

local function from_header(headers, name)
  if headers:getNumValues(name) ~= 1 then
    return nil
  end
  return headers:getAtIndex(name, 0)
end

local function find(headers)
  for _, source in ipairs(CONFIG.sources) do
    local found
    if source.host then
      found = from_host(headers, source.host.suffix)
    elseif source.path then
      found = from_path(headers, source.path.prefix)
    else
      found = from_header(headers, source.header.name)
    end
    if valid(found) then
      return found
    end
  end
  if valid(CONFIG.default) then
    return CONFIG.default
  end
  return nil
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local ok, tenant = pcall(find, headers)
  headers:remove(CONFIG.header)
  if not ok then
    handle:logErr("tenant_context: " .. tostring(tenant))
    return
  end
  if tenant ~= nil then
    headers:add(CONFIG.header, tenant)
    handle:streamInfo():dynamicMetadata():set(METADATA, "tenant", tenant)
  end
end
