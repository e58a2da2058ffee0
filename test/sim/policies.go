package sim

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/rcroll/rcroll/api/v1alpha1"
	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/mutate"
	"github.com/rcroll/rcroll/pkg/policy"
)

// policies are the RolloutPolicies, as webhook and agent know them: at once, for what they
// do not know yet is as if it were made later.
type policies struct {
	specs map[string]v1alpha1.RolloutPolicySpec
	set   policy.Set

	// revision counts the changes, neighbour is set while another rollout is in progress.
	revision  int
	neighbour bool

	// timed: reviews have a time, which an override needs; mayOverride says whether its user may.
	timed, mayOverride bool
}

// For selects as the cluster does. There is one namespace.
func (p *policies) For(_ context.Context, rc metav1.Object) (policy.Effective, error) {
	return p.set.For(policy.Target{Labels: rc.GetLabels()}), nil
}

// put replaces all policies by one with that spec; by none, if it is nil.
func (p *policies) put(spec *v1alpha1.RolloutPolicySpec) {
	p.specs = nil
	if spec != nil {
		p.specs = map[string]v1alpha1.RolloutPolicySpec{"policy": *spec}
	}
	p.compile()
}

func (p *policies) compile() {
	p.revision++
	objects := make([]v1alpha1.RolloutPolicy, 0, len(p.specs))
	for _, name := range slices.Sorted(maps.Keys(p.specs)) {
		objects = append(objects, v1alpha1.RolloutPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: p.specs[name]})
	}
	p.set = policy.Compile(objects)
}

// ask completes what the webhook is asked by what it knows of policies, and of the user.
func (p *policies) ask(write *mutate.Write, now time.Duration) {
	write.Policies = p.set.For(policy.Target{Labels: write.New.GetLabels()})
	if p.timed {
		write.Time = epoch.Add(now)
	}
	if p.mayOverride {
		write.MayOverride = mutate.Overrides(*write)
	}
}

// selected are the policies that are about tomcat, which has no labels of its user, by name.
func (p *policies) selected(visit func(name string, spec v1alpha1.RolloutPolicySpec)) {
	for _, name := range slices.Sorted(maps.Keys(p.specs)) {
		if spec := p.specs[name]; spec.Selector == nil {
			visit(name, spec)
		}
	}
}

// defaults are those that count; nil if there are none.
func (p *policies) defaults() *v1alpha1.RolloutDefaults {
	var first *v1alpha1.RolloutDefaults
	var priority int32
	p.selected(func(_ string, spec v1alpha1.RolloutPolicySpec) {
		if spec.Defaults != nil && (first == nil || spec.Priority > priority) {
			first, priority = spec.Defaults, spec.Priority
		}
	})
	return first
}

// margins are maxSurge and maxUnavailable by annotations and policies. Like share, this is not the
// product's arithmetic.
func (p *policies) margins(annotations map[string]string, desired int32) (surge, unavailable int32) {
	up, down := annotations[api.MaxSurgeAnnotation], annotations[api.MaxUnavailableAnnotation]
	if d := p.defaults(); d != nil {
		defaultUp, defaultDown := amountOf(d.MaxSurge), amountOf(d.MaxUnavailable)
		if down != "0" || defaultUp != "0" {
			up = cmp.Or(up, defaultUp)
		}
		if annotations[api.MaxSurgeAnnotation] != "0" || defaultDown != "0" {
			down = cmp.Or(down, defaultDown)
		}
	}
	surge = share(up, 1, desired, 99)
	unavailable = min(share(down, 0, desired, 0), desired)
	p.selected(func(_ string, spec v1alpha1.RolloutPolicySpec) {
		if limits := spec.Limits; limits != nil {
			surge = min(surge, share(amountOf(limits.MaxSurge), surge, desired, 99))
			unavailable = min(unavailable, share(amountOf(limits.MaxUnavailable), unavailable, desired, 0))
		}
	})
	return surge, unavailable
}

// amountOf is empty where there is none.
func amountOf(amount *intstr.IntOrString) string {
	if amount == nil {
		return ""
	}
	return amount.String()
}

// holds reports whether policies have a rollout wait at that time, if nobody overrides them;
// one that waits for its turn, too. It is not the product's reasoning.
func (p *policies) holds(now time.Duration, begun bool, overridden map[string]bool) bool {
	held := false
	p.selected(func(name string, spec v1alpha1.RolloutPolicySpec) {
		if overridden[name] {
			return
		}
		held = held || spec.Frozen != nil || !begun && p.neighbour && spec.MaxConcurrentRollouts != nil
		for _, w := range spec.Windows {
			inside := w.From == nil || !epoch.Add(now).Before(w.From.Time) && epoch.Add(now).Before(w.Until.Time)
			held = held || inside && (!begun || spec.OnClose == v1alpha1.OnCloseHold)
		}
	})
	return held
}

// neighbourKey names another ReplicationController, which rolls now and then: it takes the
// place that a policy allows. Nothing else of it is there.
var neighbourKey = types.NamespacedName{Namespace: namespace, Name: "neighbour"}

// neighbour is what the agent's cache has of it.
func neighbour() []unstructured.Unstructured {
	rc := unstructured.Unstructured{Object: manifest("tomcat:8", 1)}
	rc.SetName(neighbourKey.Name)
	rc.SetUID("neighbour/1")
	rc.SetLabels(map[string]string{api.RollingLabel: api.True})
	rc.SetAnnotations(map[string]string{api.RequestAnnotation: "{}", api.RequestedAtAnnotation: "2025-12-31T00:00:00Z"})
	owned := unstructured.Unstructured{Object: manifest("tomcat:8", 1)}
	owned.SetName("neighbour-new")
	owned.SetUID("neighbour-new/1")
	owned.SetLabels(map[string]string{api.RollingLabel: api.True})
	owned.SetOwnerReferences([]metav1.OwnerReference{*metav1.NewControllerRef(&rc, api.GroupVersionKind)})
	return []unstructured.Unstructured{rc, owned}
}
