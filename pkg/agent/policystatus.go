package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rcroll/rcroll/api/v1alpha1"
	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/policies"
	"github.com/rcroll/rcroll/pkg/policy"
)

// statusInterval is how often the statuses of policies may be written: they tell of many
// rollouts, each of which takes many steps.
const statusInterval = 3 * time.Second

// statusWriter writes what becomes of policies into their statuses. The leader does.
type statusWriter struct {
	reconciler *reconciler
	known      *policies.Source
}

// NeedLeaderElection has one agent write.
func (*statusWriter) NeedLeaderElection() bool { return true }

// Start writes what has changed, until the context ends.
func (w *statusWriter) Start(ctx context.Context) error {
	ticker := time.NewTicker(statusInterval)
	defer ticker.Stop()
	for {
		if err := w.write(ctx); err != nil && ctx.Err() == nil {
			ctrl.Log.WithName("policies").Error(err, "Cannot write the status of RolloutPolicies; trying again")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func (w *statusWriter) write(ctx context.Context) error {
	objects, err := w.known.Objects(ctx)
	if err != nil || len(objects) == 0 {
		return err
	}
	counts, err := w.count(ctx)
	if err != nil {
		return err
	}
	set, err := w.known.Set(ctx)
	if err != nil {
		return err
	}
	for i := range objects {
		stored := &objects[i]
		status := statusOf(stored, set.Named(stored.Name), counts[stored.Name], w.reconciler.clock.Now())
		if equality.Semantic.DeepEqual(status, stored.Status) {
			continue
		}
		if err := w.patch(ctx, stored, status); err != nil {
			return err
		}
	}
	return nil
}

// policyCount is of the rollouts that a policy selects.
type policyCount struct{ matched, inFlight, queued int32 }

func (w *statusWriter) count(ctx context.Context) (map[string]policyCount, error) {
	list := emptyRCList()
	if err := w.reconciler.cached.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list ReplicationControllers: %w", err)
	}
	begun, counts := ownersIn(list), map[string]policyCount{}
	for i := range list.Items {
		rc := &list.Items[i]
		if _, requested := rc.GetAnnotations()[api.RequestAnnotation]; !requested {
			continue
		}
		effective, err := w.known.For(ctx, rc)
		if err != nil {
			return nil, err
		}
		held, isBegun := isHeld(rc), hasBegun(rc, begun)
		for _, p := range effective {
			count := counts[p.Name]
			count.matched++
			switch {
			case held:
				count.queued++
			case isBegun:
				count.inFlight++
			}
			counts[p.Name] = count
		}
	}
	return counts, nil
}

// isHeld reports whether the conditions tell that policies hold the rollout.
func isHeld(rc *unstructured.Unstructured) bool {
	reason, _ := reasonsOf(rc)
	return policy.IsHold(reason)
}

func statusOf(stored *v1alpha1.RolloutPolicy, read *policy.Policy, count policyCount, now time.Time) v1alpha1.RolloutPolicyStatus {
	status := *stored.Status.DeepCopy()
	status.ObservedGeneration = stored.Generation
	status.Frozen = stored.Spec.Frozen != nil
	status.Matched, status.InFlight, status.Queued = count.matched, count.inFlight, count.queued
	accepted := metav1.Condition{Type: v1alpha1.Accepted, Status: metav1.ConditionTrue, Reason: "Valid",
		Message: "The policy holds", ObservedGeneration: stored.Generation, LastTransitionTime: metav1.NewTime(now)}
	if read != nil && read.Problem != nil {
		accepted.Status, accepted.Reason, accepted.Message = metav1.ConditionFalse, "Invalid", read.Problem.Error()
	}
	meta.SetStatusCondition(&status.Conditions, accepted)
	return status
}

func (w *statusWriter) patch(ctx context.Context, stored *v1alpha1.RolloutPolicy, status v1alpha1.RolloutPolicyStatus) error {
	body, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": stored.UID, "resourceVersion": stored.ResourceVersion},
		"status":   status,
	})
	if err != nil {
		return fmt.Errorf("encode the status of RolloutPolicy %s: %w", stored.Name, err)
	}
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("RolloutPolicy"))
	object.SetName(stored.Name)
	err = w.reconciler.cached.Status().Patch(ctx, object, client.RawPatch(types.MergePatchType, body))
	if err != nil && !isOutdated(err) {
		return fmt.Errorf("write the status of RolloutPolicy %s: %w", stored.Name, err)
	}
	return nil
}
