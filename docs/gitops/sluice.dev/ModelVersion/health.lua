-- Health of a ModelVersion for Argo CD. What the operator has not seen yet is on its way, whatever an old status says.
local phases = {
  Queued = "Progressing",
  Deploying = "Progressing",
  Preflight = "Progressing",
  Canary = "Progressing",
  Probation = "Progressing",
  DeletionWaiting = "Progressing",
  Paused = "Suspended",
  AwaitingApproval = "Suspended",
  Stable = "Healthy",
  Superseded = "Healthy",
  Skipped = "Healthy",
  RollingBack = "Degraded",
  RolledBack = "Degraded",
  Failed = "Degraded",
  Rejected = "Degraded",
}

local status = obj.status
if status == nil or status.phase == nil and status.conditions == nil then
  return { status = "Progressing", message = "Waiting for the operator" }
end
if status.observedGeneration ~= nil and status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "Waiting for the operator to see the change" }
end

local health = phases[status.phase] or "Progressing"
for _, condition in ipairs(status.conditions or {}) do
  if condition.type == "Stalled" and condition.status == "True" then
    health = "Degraded"
  elseif condition.type == "Ready" and condition.status == "False" and status.phase == "Stable" then
    health = "Degraded"
  end
end
return { status = health, message = status.message or status.phase or "" }
