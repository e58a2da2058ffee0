-- Argo CD's health of ReplicationControllers, for the ConfigMap argocd-cm:
--
--   resource.customizations.health.ReplicationController: |
--     <this file>
--
-- What is stored with a request is the label rcroll.dev/rolling, so that is what tells of a rollout. The conditions may
-- still be those of the one before.
local metadata = obj.metadata
local spec = obj.spec or {}
local status = obj.status or {}

local function condition(kind)
  for _, c in ipairs(status.conditions or {}) do
    if c.type == kind then
      return c
    end
  end
end

local function health(state, message)
  return { status = state, message = message }
end

local desired = spec.replicas or 1
local rolling = metadata.labels ~= nil and metadata.labels["rcroll.dev/rolling"] == "true"
local requested = metadata.annotations ~= nil and metadata.annotations["rcroll.dev/request"] ~= nil
local progressing, reconciling, stalled = condition("Progressing"), condition("Reconciling"), condition("Stalled")

if rolling and not requested then
  return health("Healthy", "made by rcroll for a rolling update, whose health is that of its owner")
end
if rolling then
  if stalled ~= nil and stalled.status == "True" and stalled.reason ~= "RollingBack" then
    return health("Degraded", stalled.message)
  end
  if progressing ~= nil and (progressing.reason == "ReplicationControllerPaused" or progressing.reason == "PausedAtStep") then
    return health("Suspended", progressing.message)
  end
  if reconciling ~= nil or stalled ~= nil then
    return health("Progressing", (reconciling or stalled).message)
  end
  return health("Progressing", "a rolling update was requested")
end
if progressing ~= nil and progressing.status == "False" and progressing.reason == "RolledBack" then
  return health("Degraded", progressing.message)
end
if metadata.generation ~= nil and (status.observedGeneration or 0) < metadata.generation then
  return health("Progressing", "kube-controller-manager has not observed the spec")
end
if (status.availableReplicas or 0) < desired or (status.replicas or 0) > desired then
  return health("Progressing", string.format("%d of %d pods are available", status.availableReplicas or 0, desired))
end
return health("Healthy", "")
