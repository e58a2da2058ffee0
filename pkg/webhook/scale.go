package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/mutate"
)

// errOutdated has the API server's own words.
var errOutdated = errors.New("the object has been modified; please apply your changes to the latest version and try again")

// scaleHandler answers reviews of the scale subresource of
// ReplicationControllers (kubectl scale, HorizontalPodAutoscaler).
type scaleHandler struct {
	client  client.Client
	options mutate.Options
}

func (h *scaleHandler) Handle(ctx context.Context, req admission.Request) admission.Response {
	ctx, cancel := forReview(ctx)
	defer cancel()
	scale, wish, err := decodeScale(req)
	if err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	decision, err := h.decide(ctx, req, scale, wish)
	switch {
	case apierrors.IsNotFound(err):
		return admission.Allowed("") // The API server says so itself.
	case err != nil:
		return rejected("the replicas were not recorded", fmt.Errorf("scale %s/%s: %w", req.Namespace, req.Name, err))
	case decision.Refusal != nil:
		return admission.Denied(decision.Refusal.Error())
	case !decision.KeepLive:
		return admission.Allowed("")
	}
	kept, err := keepLive(req, scale)
	if err != nil {
		return admission.Errored(http.StatusInternalServerError, fmt.Errorf("encode scale of %s/%s: %w", req.Namespace, req.Name, err))
	}
	return admission.PatchResponseFromRaw(req.Object.Raw, kept).WithWarnings(decision.Warnings...)
}

// decodeScale returns the Scale and the replicas that it asks for.
func decodeScale(req admission.Request) (scale map[string]any, wish int32, err error) {
	if scale, err = decodeObject(req, req.Object.Raw); err != nil {
		return nil, 0, err
	}
	// 0 is left out of the JSON.
	replicas, _, err := unstructured.NestedInt64(scale, "spec", "replicas")
	if err != nil {
		return nil, 0, fmt.Errorf("decode scale of %s/%s: %w", req.Namespace, req.Name, err)
	}
	return scale, int32(replicas), nil
}

// keepLive returns the Scale as it is to be stored: with the live replicas, and for
// whatever version the object has by now. An autoscaler states the version that it
// read, and to record its wish made another one. The live replicas are those of the
// review, not of the object that was read since: a policy in the API server refuses
// a Scale that changes them while the object rolls, and it compares with the review's.
func keepLive(req admission.Request, scale map[string]any) ([]byte, error) {
	old, err := decodeObject(req, req.OldObject.Raw)
	if err != nil {
		return nil, err
	}
	live, _, err := unstructured.NestedInt64(old, "spec", "replicas") // 0 is left out of the JSON
	if err != nil {
		return nil, err
	}
	if err := unstructured.SetNestedField(scale, live, "spec", "replicas"); err != nil {
		return nil, err
	}
	unstructured.RemoveNestedField(scale, "metadata", "resourceVersion")
	return json.Marshal(scale)
}

// decide judges the wish and records it. The API server finds the
// ReplicationController changed then, and asks again; by that time the wish
// stands in the request and nothing is left to record. A wish for a version that is
// out of date is not recorded: that is a conflict, as ever.
func (h *scaleHandler) decide(
	ctx context.Context, req admission.Request, scale map[string]any, wish int32,
) (decision mutate.ScaleDecision, err error) {
	stated, _, _ := unstructured.NestedString(scale, "metadata", "resourceVersion")
	outdated := false
	rc := &unstructured.Unstructured{}
	rc.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ReplicationController"))
	key := types.NamespacedName{Namespace: req.Namespace, Name: req.Name}
	err = retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		if err := h.client.Get(ctx, key, rc); err != nil {
			return err
		}
		decision = mutate.DecideScale(mutate.ScaleWrite{Object: rc.Object, Replicas: wish, User: req.UserInfo.Username}, h.options)
		if decision.Request == nil || req.DryRun != nil && *req.DryRun {
			return nil
		}
		if outdated = stated != "" && stated != rc.GetResourceVersion(); outdated {
			return nil // to look again would not help
		}
		patch, err := recording(rc, decision.Request)
		if err != nil {
			return err
		}
		return h.client.Patch(ctx, rc.DeepCopy(), patch, fieldOwner)
	})
	if outdated {
		err = apierrors.NewConflict(corev1.Resource("replicationcontrollers"), req.Name, errOutdated)
	}
	return decision, err
}

// recording writes the request, on the version of the object it was decided on.
func recording(rc *unstructured.Unstructured, request api.Spec) (client.Patch, error) {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"resourceVersion": rc.GetResourceVersion(),
		"annotations":     map[string]any{api.RequestAnnotation: request.String()},
	}})
	if err != nil {
		return nil, fmt.Errorf("encode the request: %w", err)
	}
	return client.RawPatch(types.MergePatchType, patch), nil
}
