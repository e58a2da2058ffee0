package mutate

import (
	"cmp"

	"github.com/rcroll/rcroll/pkg/api"
)

// Decide says what a write to a ReplicationController means, and what is to be stored
// instead; or it asks what the API server would store (Decision.Question), and must be
// called again with the answer. It changes neither object of the write.
func Decide(write Write, options Options) Decision {
	own := options.isOwn(write.User)
	switch {
	case api.IsForeign(write.New) && (write.Old == nil || api.IsForeign(write.Old)):
		return passes(write.New)
	case CreatesOwned(write, options):
		return createOwned(write, options)
	case write.Old == nil && own:
		return passes(write.New)
	case write.Old == nil:
		return create(write, options)
	case write.User == options.AgentUser:
		return agentUpdate(write, options)
	case own:
		return passes(write.New)
	case api.IsOwned(write.Old):
		return keepOwned(write)
	}
	return recordOverride(write, userUpdate(write, options))
}

// agentUpdate carries out a command. The agent writes the spec of nothing but owned
// ReplicationControllers, for to write is to own: the user's next server-side
// apply would meet a conflict. Nor does it write a request: whoever has its token would
// roll out with it whatever they like.
func agentUpdate(write Write, options Options) Decision {
	text, commanded := write.New.GetAnnotations()[api.CommandAnnotation]
	switch {
	case api.IsOwned(write.Old):
		return changeOwned(write)
	case !sameRequest(write):
		return refuse(errAgentChangesRequest(name(write.New)))
	case commanded:
		return carryOut(write, text, options)
	case !api.SpecOf(write.Old).Equal(api.SpecOf(write.New)):
		return refuse(errAgentChangesSpec(name(write.New)))
	}
	return passes(write.New)
}

// sameRequest reports whether a write leaves alone what makes a rollout.
func sameRequest(write Write) bool {
	for _, key := range append([]string{api.ApproveAnnotation}, reservedAnnotations...) {
		if key != api.CommandAnnotation && write.Old.GetAnnotations()[key] != write.New.GetAnnotations()[key] {
			return false
		}
	}
	return write.Old.GetLabels()[api.RollingLabel] == write.New.GetLabels()[api.RollingLabel]
}

func userUpdate(write Write, options Options) Decision {
	if write.DryRun && write.FieldManager == api.VerdictFieldManager {
		return passes(write.New)
	}
	if err := cmp.Or(guardReserved(write), guardSettings(write), guardLabels(write), guardApproval(write, options.HashLabelKey),
		guardLimits(write), guardOverride(write)); err != nil {
		return refuse(err)
	}
	text, pending := write.Old.GetAnnotations()[api.RequestAnnotation]
	switch {
	case !pending && write.New.GetAnnotations()[api.EnabledKey] == "false":
		return passes(write.New) // Opting out stops no rollout: one that is pending goes on to its end.
	case !pending:
		return request(write, options)
	}
	current, err := api.ParseSpec(text)
	switch {
	case err != nil && isCancelGesture(write):
		// The refusal below says to do so. How many replicas were requested is lost.
		return record(write, Cancels, nil, api.SpecOf(write.Old).Unlabelled(options.HashLabelKey), options)
	case err != nil:
		return refuse(errUnreadableRequest(name(write.Old), err))
	}
	return amend(write, current, options)
}
