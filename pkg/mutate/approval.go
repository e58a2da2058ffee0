package mutate

import (
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/policy"
)

// approvalAnnotations come and go with the request that they are for.
var approvalAnnotations = []string{api.ApproveAnnotation, api.ApprovedByAnnotation, api.ApprovedAtAnnotation}

// guardApproval refuses an approval that this write adds or changes and that is for no
// pause of the rollout in progress, or of one that its user may not end.
func guardApproval(write Write, hashKey string) error {
	if !write.setsAnnotation(api.ApproveAnnotation) {
		return nil
	}
	text, rc := write.New.GetAnnotations()[api.ApproveAnnotation], name(write.New)
	approval, err := api.ParseApproval(text)
	if err != nil {
		return about(rc, errApproval(text, err.Error()))
	}
	request, err := api.ParseSpec(write.Old.GetAnnotations()[api.RequestAnnotation])
	if err != nil {
		return about(rc, errApproval(text, nothingToApprove))
	}
	strategy, err := api.ParseStrategy(write.Policies.Settings(write.New.GetAnnotations()))
	if err != nil {
		return about(rc, err)
	}
	if err := approval.Check(request.Hash(hashKey), strategy.Steps); err != nil {
		return about(rc, errApproval(text, err.Error()))
	}
	if from := Approves(write); from != "" && !write.MayApprove {
		return about(rc, policy.ErrApprove(from))
	}
	return nil
}

// keepApproval says who approved and when, where the write is an approval. An approval
// of another request goes: were the same template requested again, it would be taken for
// one of that. Whoever removes an approval withdraws it.
func keepApproval(object *unstructured.Unstructured, write Write, sameTemplate bool) {
	text, approved := annotation(object, api.ApproveAnnotation)
	switch {
	case !sameTemplate || !approved:
		removeAnnotations(object, approvalAnnotations...)
	case write.setsAnnotation(api.ApproveAnnotation):
		stampApproval(object, write, text)
	}
}

// approve is the approval that the agent asks for when a pause is over. One that goes
// further stays.
func approve(object *unstructured.Unstructured, write Write, approval api.Approval) {
	if api.ApprovedStep(object.GetAnnotations(), approval.Hash) < approval.Step {
		stampApproval(object, write, approval.String())
	}
}

func stampApproval(object *unstructured.Unstructured, write Write, approval string) {
	setAnnotation(object, api.ApproveAnnotation, approval)
	setAnnotation(object, api.ApprovedByAnnotation, write.User)
	setAnnotation(object, api.ApprovedAtAnnotation, write.Time.UTC().Format(time.RFC3339))
}
