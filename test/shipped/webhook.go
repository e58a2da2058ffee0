package shipped

import (
	"context"
	"errors"
	"fmt"
	"slices"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apiserver/pkg/admission"
	celplugin "k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/predicates/rules"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/utils/ptr"

	"github.com/rcroll/rcroll/pkg/api"
)

// Webhook is one entry of manifests/base/webhook-configuration.yaml.
type Webhook struct {
	rules      []admissionregistrationv1.RuleWithOperations
	namespaces labels.Selector
	conditions matchconditions.Matcher
}

// ReadWebhook reads the entry of that name.
func ReadWebhook(name string) (*Webhook, error) {
	configuration := &admissionregistrationv1.MutatingWebhookConfiguration{}
	if err := read("webhook-configuration.yaml", configuration); err != nil {
		return nil, err
	}
	at := slices.IndexFunc(configuration.Webhooks, func(w admissionregistrationv1.MutatingWebhook) bool { return w.Name == name })
	if at < 0 {
		return nil, fmt.Errorf("webhook-configuration.yaml: there is no webhook %s", name)
	}
	webhook, err := newWebhook(&configuration.Webhooks[at])
	if err != nil {
		return nil, fmt.Errorf("webhook-configuration.yaml: webhook %s: %w", name, err)
	}
	return webhook, nil
}

func newWebhook(entry *admissionregistrationv1.MutatingWebhook) (*Webhook, error) {
	namespaces, err := metav1.LabelSelectorAsSelector(entry.NamespaceSelector)
	if err != nil {
		return nil, fmt.Errorf("namespaceSelector: %w", err)
	}
	var conditions []celplugin.ExpressionAccessor
	for i := range entry.MatchConditions {
		conditions = append(conditions, (*matchconditions.MatchCondition)(&entry.MatchConditions[i]))
	}
	evaluator, err := compile(conditions)
	if err != nil {
		return nil, fmt.Errorf("matchConditions: %w", err)
	}
	return &Webhook{
		rules:      entry.Rules,
		namespaces: namespaces,
		conditions: matchconditions.NewMatcher(evaluator, entry.FailurePolicy, "webhook", "admit", entry.Name),
	}, nil
}

// compile refuses what an API server would refuse to store.
func compile(expressions []celplugin.ExpressionAccessor) (celplugin.ConditionEvaluator, error) {
	compiler := celplugin.NewConditionCompiler(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()))
	evaluator := compiler.CompileCondition(expressions, celplugin.OptionalVariableDeclarations{}, environment.NewExpressions)
	return evaluator, errors.Join(evaluator.CompilationErrors()...)
}

// Write is a request to the API server for a ReplicationController.
type Write struct {
	Operation   admissionv1.Operation
	SubResource string
	User        string
	DryRun      bool

	// Namespace, and the labels that it has besides its name.
	Namespace       string
	NamespaceLabels map[string]string

	// Old is the object as it is stored, New as it would be: nil where there is none.
	Old, New map[string]any
}

// WriteOf reads the request of a recorded review.
func WriteOf(request *admissionv1.AdmissionRequest) (Write, error) {
	write := Write{
		Operation: request.Operation, SubResource: request.SubResource,
		User: request.UserInfo.Username, DryRun: ptr.Deref(request.DryRun, false), Namespace: request.Namespace,
	}
	for _, version := range []struct {
		raw    runtime.RawExtension
		object *map[string]any
	}{{request.OldObject, &write.Old}, {request.Object, &write.New}} {
		if len(version.raw.Raw) == 0 {
			continue
		}
		if err := json.Unmarshal(version.raw.Raw, version.object); err != nil {
			return Write{}, fmt.Errorf("decode the object of a review: %w", err)
		}
	}
	return write, nil
}

// IsCalledFor reports whether the API server calls the webhook for a write. It returns
// an error if a condition cannot be evaluated; the API server refuses the write then.
func (w *Webhook) IsCalledFor(ctx context.Context, write Write) (bool, error) {
	attributes := write.attributes()
	concerned := slices.ContainsFunc(w.rules, func(rule admissionregistrationv1.RuleWithOperations) bool {
		return (&rules.Matcher{Rule: rule, Attr: attributes}).Matches()
	})
	if !concerned || !w.namespaces.Matches(write.namespaceLabels()) {
		return false, nil
	}
	result := w.conditions.Match(ctx, &admission.VersionedAttributes{
		Attributes: attributes, VersionedKind: attributes.GetKind(),
		VersionedObject: admission.NewLazyObject(attributes.GetObject()), VersionedOldObject: admission.NewLazyObject(attributes.GetOldObject()),
	}, nil, nil)
	return result.Matches, result.Error
}

func (w Write) namespaceLabels() labels.Set {
	return labels.Merge(w.NamespaceLabels, labels.Set{corev1.LabelMetadataName: w.Namespace})
}

func (w Write) attributes() admission.Attributes {
	resource := corev1.SchemeGroupVersion.WithResource("replicationcontrollers")
	kind := api.GroupVersionKind
	if w.SubResource == "scale" {
		kind = autoscalingv1.SchemeGroupVersion.WithKind("Scale")
	}
	return admission.NewAttributesRecord(object(w.New), object(w.Old), kind, w.Namespace, w.name(), resource, w.SubResource,
		admission.Operation(w.Operation), nil, w.DryRun, &user.DefaultInfo{Name: w.User})
}

func (w Write) name() string {
	for _, version := range []map[string]any{w.Old, w.New} {
		if version != nil {
			return (&unstructured.Unstructured{Object: version}).GetName()
		}
	}
	return ""
}

// object is nil, and not an interface that holds nil, where there is none.
func object(fields map[string]any) runtime.Object {
	if fields == nil {
		return nil
	}
	return &unstructured.Unstructured{Object: fields}
}
