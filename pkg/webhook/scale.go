package webhook

import (
	"context"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/mutate"
)

// scaleHandler answers reviews of the scale subresource of
// ReplicationControllers (kubectl scale, HorizontalPodAutoscaler).
type scaleHandler struct {
	client  client.Client
	judge   Judge
	turns   *turns
	options mutate.Options
}

func (h *scaleHandler) Handle(ctx context.Context, req admission.Request) admission.Response {
	ctx, cancel := forReview(ctx)
	defer cancel()
	timer := timeReview(scaleResource)
	defer timer.done()
	scale, wish, err := decodeScale(req)
	if err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	if isVerdict(req) {
		timer.meaning = string(mutate.Passes)
		return admission.Allowed("")
	}
	live, err := decodeObject(req, req.OldObject)
	if err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	decision, err := h.decide(ctx, req, live, scale, wish)
	if err != nil {
		timer.meaning = meaningOf(err)
		return rejected(replicasNotRecorded(req), err)
	}
	timer.meaning = string(decision.Meaning)
	switch {
	case decision.Refusal != nil:
		return admission.Denied(decision.Refusal.Error())
	case !decision.KeepLive:
		return admission.Allowed("")
	}
	kept, err := keepLive(live, scale)
	if err != nil {
		return admission.Errored(http.StatusInternalServerError, errEncode(req, err))
	}
	return admission.PatchResponseFromRaw(req.Object.Raw, kept).WithWarnings(decision.Warnings...)
}

// decodeScale returns the Scale and the replicas that it asks for. It is untyped, as all
// objects here are: to encode an autoscalingv1.Scale would drop fields that this build
// does not know and add others (status.replicas), and the patch would say so.
func decodeScale(req admission.Request) (scale *unstructured.Unstructured, wish int32, err error) {
	if scale, err = decodeObject(req, req.Object); err != nil {
		return nil, 0, err
	}
	// 0 is left out of the JSON.
	replicas, _, err := unstructured.NestedInt64(scale.Object, "spec", "replicas")
	if err != nil {
		return nil, 0, errDecode("object", req, err)
	}
	return scale, int32(replicas), nil //nolint:gosec // the API server decodes it as one of 32 bits
}

// keepLive returns the Scale as it is to be stored: with the live replicas, and for
// whatever version the object has by now. An autoscaler states the version that it
// read, and to record its wish made another one. The live replicas are those of the
// review, not of the object that was read since: the policy rcroll-scale refuses a Scale
// that changes them while the object is rolling, and compares with the review's.
func keepLive(live, scale *unstructured.Unstructured) ([]byte, error) {
	replicas, _, err := unstructured.NestedInt64(live.Object, "spec", "replicas") // 0 is left out of the JSON.
	if err != nil {
		return nil, err
	}
	if err := unstructured.SetNestedField(scale.Object, replicas, "spec", "replicas"); err != nil {
		return nil, err
	}
	scale.SetResourceVersion("")
	return scale.MarshalJSON()
}

// decide judges the wish and records it. The API server finds the
// ReplicationController changed then, and asks again; by that time the wish
// stands in the request and nothing is left to record. A wish for a version that is
// out of date is not recorded: that is a conflict, as ever.
//
// The review is proven once. Where another write, of a status mostly, comes in between,
// the wish is judged again for what is there then.
func (h *scaleHandler) decide(
	ctx context.Context, req admission.Request, live, scale *unstructured.Unstructured, wish int32,
) (decision mutate.ScaleDecision, err error) {
	leave, err := h.turns.take(ctx, req.UserInfo.Username)
	if err != nil {
		return decision, err
	}
	defer leave()
	rc, err := prove(ctx, h.client, live)
	if err != nil {
		return decision, err
	}
	stated, outdated := scale.GetResourceVersion(), false
	err = retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		decision = mutate.DecideScale(mutate.ScaleWrite{Object: rc, Replicas: wish, User: req.UserInfo.Username}, h.options)
		if decision.Request == nil || req.DryRun != nil && *req.DryRun {
			return nil
		}
		if outdated = outdated || stated != "" && stated != rc.GetResourceVersion(); outdated {
			return nil // to look again would not help
		}
		warnings, err := h.judge.Scale(ctx, req.UserInfo, rc, wish)
		if err != nil {
			return err
		}
		decision.Warnings = append(decision.Warnings, warnings...)
		err = h.recordRequest(ctx, rc, decision.Request)
		if apierrors.IsConflict(err) {
			if err := h.client.Get(ctx, client.ObjectKeyFromObject(rc), rc); err != nil {
				return err
			}
			outdated = rc.GetUID() != live.GetUID()
		}
		return err
	})
	if outdated {
		err = conflict(req.Name)
	}
	return decision, err
}

// isVerdict recognises a question of rcroll's own, which is answered by the others.
func isVerdict(req admission.Request) bool {
	var options metav1.UpdateOptions
	return req.DryRun != nil && *req.DryRun && json.Unmarshal(req.Options.Raw, &options) == nil &&
		options.FieldManager == api.VerdictFieldManager
}

// recordRequest writes the request, on the version of the object it was decided on. Who
// asked for its template, and when, stays.
func (h *scaleHandler) recordRequest(ctx context.Context, rc *unstructured.Unstructured, request api.Spec) error {
	recorded := rc.DeepCopy()
	annotations := recorded.GetAnnotations()
	annotations[api.RequestAnnotation] = request.String() // There is one: it is pending.
	recorded.SetAnnotations(annotations)
	return h.client.Patch(ctx, recorded, client.MergeFromWithOptions(rc, client.MergeFromWithOptimisticLock{}), fieldOwner)
}
