-- Looks at Lua code as LuaJIT compiles it: nothing that the code says is run, but for `fails`.
--
-- Gives a function of the source. It answers with LuaJIT's message if the source does not compile, else with
--   uses   a list of {name, line}: which global is read or set, and where
--   fails  a function of the configuration's line: what is wrong with how the filter fails, "" if nothing

local util = require("jit.util")

-- The instruction `pc` of a function: its operation and the constant that its D operand names. Numbers of operations
-- differ between versions of LuaJIT, so they are read off code whose operations are known.
local function instruction(code, pc)
  local bits = util.funcbc(code, pc)
  return bits and bit.band(bits, 0xff), bits and bit.rshift(bits, 16)
end

local GET = instruction(loadstring("return probe"), 1)
local SET = instruction(loadstring("probe = 1"), 2)
local MAKE = instruction(loadstring("return function() end"), 1)

local function look(code, uses)
  for pc = 1, util.funcinfo(code).bytecodes - 1 do
    local operation, operand = instruction(code, pc)
    if operation == GET or operation == SET then
      uses[#uses + 1] = {util.funck(code, -operand - 1), util.funcinfo(code, pc).currentline}
    elseif operation == MAKE then
      look(util.funck(code, -operand - 1), uses)
    end
  end
end

-- A handle of which everything fails but what a filter answers and logs with.
local function broken(answers)
  return setmetatable({}, {__index = function(_, name)
    if name == "respond" then
      return function() answers[1] = true end
    elseif name:find("^log") then
      return function() end
    end
    return function() error("Envoy fails") end
  end})
end

-- What filters need of the language; what is forbidden is not there, whatever the code says.
local GLOBALS = {
  assert = assert, bit = bit, error = error, getmetatable = getmetatable, ipairs = ipairs, math = math, next = next,
  pairs = pairs, pcall = pcall, rawequal = rawequal, rawget = rawget, rawset = rawset, select = select,
  setmetatable = setmetatable, string = string, table = table, tonumber = tonumber, tostring = tostring, type = type,
  unpack = unpack, xpcall = xpcall,
}

local STEPS = 10000000

local fails

-- The hook of code that has had its steps: it ends whatever runs but `fails` itself, at every step from then on, or
-- else a loop around `pcall` would never end.
local function stop()
  if debug.getinfo(2, "f").func ~= fails then
    error("it does not end")
  end
end

function fails(source, head)
  local code = loadstring(head .. source)
  local environment = setmetatable({}, {__index = GLOBALS})
  setfenv(code, environment)
  jit.off() -- compiled code calls no hooks, and an endless loop has to end
  debug.sethook(function() debug.sethook(stop, "", 1) end, "", STEPS)
  local defined = pcall(code)
  local callback, answers = environment.envoy_on_request, {}
  local caught = not callback or pcall(callback, broken(answers))
  debug.sethook()
  if not defined then
    return "cannot be defined"
  elseif not caught then
    return "lets its error escape"
  elseif callback and not answers[1] then
    return "lets the request pass"
  end
  return ""
end

return function(source)
  local code, problem = loadstring(source, "=filter.lua")
  if not code then
    return problem
  end
  local uses = {}
  look(code, uses)
  return {uses = uses, fails = function(head) return fails(source, head) end}
end
