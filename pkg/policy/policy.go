package policy

import (
	"cmp"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/rcroll/rcroll/api/v1alpha1"
)

// Policy is a RolloutPolicy that was read once.
type Policy struct {
	// Name is that of the RolloutPolicy.
	Name string

	// Problem is what rcroll does not understand of it; nil if it understands all.
	Problem error

	spec       v1alpha1.RolloutPolicySpec
	namespaces labels.Selector
	rcs        labels.Selector
	windows    []window
	rule       *imageRule
}

// Target is what policies select by.
type Target struct {
	NamespaceLabels, Labels map[string]string
}

// Set are the policies of a cluster, in the order of their precedence.
type Set []*Policy

// Compile reads the policies: labels, zones and expressions once, and not for every
// ReplicationController.
func Compile(policies []v1alpha1.RolloutPolicy) Set {
	set := make(Set, 0, len(policies))
	for i := range policies {
		set = append(set, compile(policies[i]))
	}
	slices.SortFunc(set, func(a, b *Policy) int {
		return cmp.Or(cmp.Compare(b.spec.Priority, a.spec.Priority), cmp.Compare(a.Name, b.Name))
	})
	return set
}

func compile(source v1alpha1.RolloutPolicy) *Policy {
	var problems field.ErrorList
	spec := field.NewPath("spec")
	p := &Policy{Name: source.Name, spec: source.Spec}
	p.namespaces = selector(source.Spec.NamespaceSelector, spec.Child("namespaceSelector"), &problems)
	p.rcs = selector(source.Spec.Selector, spec.Child("selector"), &problems)
	for i, w := range source.Spec.Windows {
		p.windows = append(p.windows, compileWindow(w, spec.Child("windows").Index(i), &problems))
	}
	p.spec.Defaults = defaults(source.Spec.Defaults, spec.Child("defaults"), &problems)
	p.spec.Limits = limits(source.Spec.Limits, spec.Child("limits"), &problems)
	if images := source.Spec.Images; images != nil && images.Rule != "" {
		p.rule = compileRule(images.Rule, spec.Child("images", "rule"), &problems)
	}
	if err := problems.ToAggregate(); err != nil {
		p.Problem = err
	}
	return p
}

// selector selects everything where none is given, and nothing where it is not valid.
func selector(given *metav1.LabelSelector, path *field.Path, problems *field.ErrorList) labels.Selector {
	if given == nil {
		return labels.Everything()
	}
	selector, err := metav1.LabelSelectorAsSelector(given)
	if err != nil {
		*problems = append(*problems, field.Invalid(path, metav1.FormatLabelSelector(given), err.Error()))
		return labels.Nothing()
	}
	return selector
}

// selects reports whether the policy is about a ReplicationController.
func (p *Policy) selects(target Target) bool {
	return p.rcs.Matches(labels.Set(target.Labels)) && p.namespaces.Matches(labels.Set(target.NamespaceLabels))
}

// Frozen reports whether the policy holds whatever it selects.
func (p *Policy) Frozen() bool { return p.spec.Frozen != nil }

// For returns the policies that select a ReplicationController, in the order of their
// precedence.
func (s Set) For(target Target) Effective {
	var matching Effective
	for _, p := range s {
		if p.selects(target) {
			matching = append(matching, p)
		}
	}
	return matching
}

// Named returns the policy of that name; nil if there is none.
func (s Set) Named(name string) *Policy {
	for _, p := range s {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// Effective are the policies that select one ReplicationController. None is as good as no
// policy at all.
type Effective []*Policy

// Names are those of the policies.
func (e Effective) Names() []string {
	names := make([]string, 0, len(e))
	for _, p := range e {
		names = append(names, p.Name)
	}
	return names
}

// without leaves out the policies of those names.
func (e Effective) without(names []string) Effective {
	if len(names) == 0 {
		return e
	}
	return slices.DeleteFunc(slices.Clone(e), func(p *Policy) bool { return slices.Contains(names, p.Name) })
}

// HoldKind says in one word what a rollout waits for. The values are reasons of conditions.
type HoldKind string

const (
	// Frozen: a policy freezes it.
	Frozen HoldKind = "Frozen"

	// OutsideWindow: a window has to open.
	OutsideWindow HoldKind = "OutsideWindow"

	// Queued: others have to end.
	Queued HoldKind = "Queued"
)

// IsHold reports whether the reason of a condition says that policies hold a rollout.
func IsHold(reason string) bool {
	return slices.Contains([]HoldKind{Frozen, OutsideWindow, Queued}, HoldKind(reason))
}

// Hold is why a rollout has to wait.
type Hold struct {
	Kind HoldKind

	// Policy is the name of the one that says so; of several the first.
	Policy string

	// Message says why, and until when if that is known.
	Message string

	// Until is when it is over if no policy changes; zero if only that ends it.
	Until time.Time

	// Again is when to look again, where Until is not known because it is far away.
	Again time.Time
}

// Hold says why a rollout has to wait; nil if it need not. begun is set if it is in progress,
// overridden are the policies that somebody who may do that has overridden. A rescue must not
// be asked about: nothing holds it.
func (e Effective) Hold(now time.Time, begun bool, overridden []string) *Hold {
	rest := e.without(overridden)
	for _, p := range rest {
		if p.spec.Frozen != nil {
			return &Hold{Kind: Frozen, Policy: p.Name, Message: frozenMessage(p.Name, p.spec.Frozen.Reason)}
		}
	}
	return rest.outsideWindow(now, begun)
}

// TurnMessage says what limits the rollouts at once; empty if nothing does.
func (e Effective) TurnMessage(overridden []string) string {
	for _, p := range e.without(overridden) {
		if p.spec.MaxConcurrentRollouts != nil {
			return queuedMessage(p.Name, int(*p.spec.MaxConcurrentRollouts))
		}
	}
	return ""
}

// Queues are the most rollouts at once of the policies that limit that, by their names.
func (e Effective) Queues(overridden []string) map[string]int {
	var queues map[string]int
	for _, p := range e.without(overridden) {
		if p.spec.MaxConcurrentRollouts == nil {
			continue
		}
		if queues == nil {
			queues = map[string]int{}
		}
		queues[p.Name] = int(*p.spec.MaxConcurrentRollouts)
	}
	return queues
}
