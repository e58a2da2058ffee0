package mutate

import (
	"fmt"

	"github.com/rcroll/rcroll/pkg/api"
)

// carryOut does to the object what the agent's plan says. What cannot be done to
// the object as it is now was planned for an older state: the refusal is Stale.
func carryOut(write Write, text string, options Options) Decision {
	plan, err := api.ParseCommand(text)
	if err != nil {
		return refuse(errNoCommand(name(write.Old), err))
	}
	pending, _ := annotation(write.Old, api.RequestAnnotation)
	request, err := api.ParseSpec(pending)
	if err != nil {
		return stale(write, plan, errNoRequest(err))
	}
	spec, err := step(plan, api.SpecOf(write.Old), request, options.HashLabelKey)
	if err != nil {
		return stale(write, plan, err)
	}
	object := editable(write.New)
	deleteEntry(object, "annotations", api.CommandAnnotation)
	setSpec(object, spec)
	switch plan.Operation {
	case api.Cancel:
		cancel := spec.Unlabelled(options.HashLabelKey).WithReplicas(request.Replicas())
		setEntry(object, "annotations", api.RequestAnnotation, cancel.String())
	case api.Finish:
		deleteEntry(object, "annotations", api.RequestAnnotation)
		deleteEntry(object, "labels", api.RollingLabel)
	}
	return Decision{Meaning: Steps, Object: object}
}

func stale(write Write, plan api.Command, err error) Decision {
	decision := refuse(errCommandOutdated(name(write.Old), plan.Operation, err))
	decision.Stale = true
	return decision
}

// step is the live spec after a plan.
func step(plan api.Command, live, request api.Spec, hashKey string) (api.Spec, error) {
	if err := fits(plan, live, request, hashKey); err != nil {
		return nil, err
	}
	switch plan.Operation {
	case api.Scale:
		return live.WithReplicas(plan.Replicas), nil
	case api.Seal:
		return request.Sealed(hashKey), nil
	case api.Adopt:
		mark := map[string]string{api.AdoptingLabel: live.Selector()[api.SealedLabel]}
		return live.Unmarked().Labelled(nil, mark).WithReplicas(plan.Replicas), nil
	case api.Open, api.Finish:
		return fulfilled(live, request, hashKey), nil
	case api.Cancel:
		return live, nil
	}
	return nil, fmt.Errorf("unknown operation %q", plan.Operation)
}

// fits tells whether the object is in the state for which the plan was made.
func fits(plan api.Command, live, request api.Spec, hashKey string) error {
	if hash := request.Hash(hashKey); plan.Hash != hash {
		return errAnotherTemplate(plan.Hash, hash)
	}
	sealed := live.Selector()[api.SealedLabel]
	switch {
	case plan.Operation == api.Finish && !live.Unmarked().SameTemplate(request, hashKey):
		return errTemplateNotLive
	case plan.Operation == api.Finish && live.Marked():
		return errMarked
	case plan.Operation == api.Open && live.TemplateLabels()[api.AdoptingLabel] == "":
		return errNotAdopting
	case plan.Operation == api.Adopt && sealed == "":
		return errNotSealed
	case plan.Operation != api.Adopt && sealed != "":
		return errSealed
	case plan.Operation == api.Seal && live.Replicas() != 0:
		return errHasReplicas(live.Replicas())
	}
	return nil
}

// fulfilled is the live spec when a promotion is over: what was requested, with the
// hash label that the pods have. If a newer template is requested than the one that
// was promoted, it keeps that one.
func fulfilled(live, request api.Spec, hashKey string) api.Spec {
	opened := live.Unmarked()
	if !opened.SameTemplate(request, hashKey) {
		return opened
	}
	selector, template := opened.RollLabels(hashKey)
	return request.Unlabelled(hashKey).Labelled(selector, template)
}
