package mutate

import (
	"fmt"
	"time"

	"github.com/rcroll/rcroll/pkg/api"
)

// carryOut does to the object what the agent's command says. What cannot be done to
// the object as it is now was written for an older state: the refusal is Stale.
func carryOut(write Write, text string, options Options) Decision {
	command, err := api.ParseCommand(text)
	if err != nil {
		return refuse(errNoCommand(name(write.Old), err))
	}
	request, err := api.ParseSpec(write.Old.GetAnnotations()[api.RequestAnnotation])
	if err != nil {
		return stale(write, command, errNoRequest(err))
	}
	live, promoted := api.SpecOf(write.Old), write.Old.GetAnnotations()[api.PromotedAnnotation]
	spec, err := step(command, live, request, promoted, options.HashLabelKey)
	if err != nil {
		return stale(write, command, err)
	}
	object := shallowCopy(write.New)
	removeAnnotations(object, api.CommandAnnotation)
	setSpec(object, spec)
	switch command.Operation {
	case api.Cancel:
		cancel := spec.Unlabelled(options.HashLabelKey).WithReplicas(request.Replicas())
		setAnnotation(object, api.RequestAnnotation, cancel.String())
		setAnnotation(object, api.PromotedAnnotation, cancel.Hash(options.HashLabelKey))
		removeAnnotations(object, approvalAnnotations...)
	case api.Approve:
		approve(object, write, api.Approval{Hash: command.Hash, Step: command.Step})
	case api.Seal:
		setAnnotation(object, api.PromotingSinceAnnotation, write.Time.UTC().Format(time.RFC3339))
	case api.Open:
		setAnnotation(object, api.LiveAnnotation, spec.Hash(options.HashLabelKey))
		if live.TemplateLabels()[api.AdoptingLabel] == command.Hash {
			setAnnotation(object, api.PromotedAnnotation, command.Hash)
		}
	case api.Finish:
		removeAnnotations(object, reservedAnnotations...)
		removeAnnotations(object, approvalAnnotations...)
		removeAnnotations(object, api.OverrideAnnotation) // It was for this rollout.
		removeLabel(object, api.RollingLabel)
	}
	return Decision{Meaning: Steps, Object: object}
}

func stale(write Write, command api.Command, err error) Decision {
	decision := refuse(errCommandOutdated(name(write.Old), command.Operation, err))
	decision.Stale = true
	return decision
}

// step is the live spec after a command. promoted is the hash of the request whose
// template is live, however it was stored; empty if none was promoted.
func step(command api.Command, live, request api.Spec, promoted, hashKey string) (api.Spec, error) {
	if err := checkFits(command, live, request, promoted, hashKey); err != nil {
		return nil, err
	}
	switch command.Operation {
	case api.Scale:
		return live.WithReplicas(command.Replicas), nil
	case api.Seal:
		return request.Sealed(hashKey), nil
	case api.Adopt:
		mark := map[string]string{api.AdoptingLabel: live.Selector()[api.SealedLabel]}
		return live.Unmarked().Labelled(nil, mark).WithReplicas(command.Replicas), nil
	case api.Open:
		return fulfilled(live, request, live.TemplateLabels()[api.AdoptingLabel] == command.Hash, hashKey), nil
	case api.Finish:
		return fulfilled(live, request, true, hashKey), nil
	case api.Cancel, api.Approve:
		return live, nil
	}
	return nil, fmt.Errorf("unknown operation %q", command.Operation)
}

// checkFits returns an error unless the object is in the state for which the command
// was written.
func checkFits(command api.Command, live, request api.Spec, promoted, hashKey string) error {
	if hash := request.Hash(hashKey); command.Hash != hash {
		return errAnotherTemplate(command.Hash, hash)
	}
	sealed := live.Selector()[api.SealedLabel]
	switch {
	case command.Operation == api.Finish && promoted != command.Hash && !live.Unmarked().SameTemplate(request, hashKey):
		return errTemplateNotLive
	case command.Operation == api.Finish && live.Marked():
		return errMarked
	case command.Operation == api.Open && live.TemplateLabels()[api.AdoptingLabel] == "":
		return errNotAdopting
	case command.Operation == api.Adopt && sealed == "":
		return errNotSealed
	case command.Operation != api.Adopt && sealed != "":
		return errSealed
	case command.Operation == api.Seal && live.Replicas() != 0:
		return errHasReplicas(live.Replicas())
	}
	return nil
}

// fulfilled is the live spec when a promotion is over: what was requested, with the
// template as it was stored and the hash label that the pods have. If a newer template
// is requested than the one that was promoted, it keeps that one.
func fulfilled(live, request api.Spec, promoted bool, hashKey string) api.Spec {
	opened := live.Unmarked()
	if !promoted {
		return opened
	}
	selector, template := opened.RollLabels(hashKey)
	return request.WithTemplateOf(opened.Unlabelled(hashKey)).Unlabelled(hashKey).Labelled(selector, template)
}
