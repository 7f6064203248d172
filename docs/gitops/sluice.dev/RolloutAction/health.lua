-- Health of a RolloutAction for Argo CD: an act that was refused stays a fault until it is taken out of Git.
local outcomes = { Applied = "Healthy", Refused = "Degraded", Expired = "Degraded" }

if obj.status == nil or obj.status.outcome == nil then
  return { status = "Progressing", message = "Waiting for the operator" }
end
return { status = outcomes[obj.status.outcome] or "Progressing", message = obj.status.message or "" }
