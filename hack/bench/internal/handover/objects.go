package handover

import (
	"context"
	"fmt"
	"maps"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	clientv1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/util/retry"
	"k8s.io/utils/ptr"

	"github.com/rcroll/rcroll/hack/bench/internal/workload"
	"github.com/rcroll/rcroll/pkg/api"
)

func (p *Pairs) rcs() clientv1.ReplicationControllerInterface {
	return p.client.CoreV1().ReplicationControllers(p.Namespace)
}

// each does something with all pairs at once.
func (p *Pairs) each(ctx context.Context, do func(ctx context.Context, name string) error) error {
	return workload.InParallel(ctx, p.Size, p.Size, func(ctx context.Context, i int) error { return do(ctx, fmt.Sprintf("app-%d", i)) })
}

func holderOf(name string) string { return name + "-" + hash[:8] }

// heir is the successor: it has another template still, and wants no pods.
func (p *Pairs) heir(name string) *corev1.ReplicationController {
	return &corev1.ReplicationController{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": name}},
		Spec: corev1.ReplicationControllerSpec{
			Replicas: ptr.To[int32](0), Selector: map[string]string{"app": name}, Template: podTemplate(map[string]string{"app": name}, "v1"),
		},
	}
}

func (p *Pairs) holder(heir *corev1.ReplicationController) *corev1.ReplicationController {
	labels := map[string]string{"app": heir.Name, hashLabel: hash}
	rc := &corev1.ReplicationController{
		ObjectMeta: metav1.ObjectMeta{
			Name: holderOf(heir.Name), Labels: maps.Clone(labels),
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(heir, api.GroupVersionKind)},
		},
		Spec: corev1.ReplicationControllerSpec{
			Replicas: ptr.To(int32(p.Replicas)), Selector: maps.Clone(labels), Template: podTemplate(maps.Clone(labels), "v2"),
		},
	}
	switch p.Way {
	case Label:
		rc.Spec.Template.Labels[api.SuccessorLabel] = string(heir.UID)
	case Patches:
		rc.Finalizers = []string{finalizer}
	}
	return rc
}

func podTemplate(labels map[string]string, version string) *corev1.PodTemplateSpec {
	return &corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: labels},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "registry.local/app:" + version}}},
	}
}

// template gives a successor the template and selector of its holder, both with a mark.
func template(rc *corev1.ReplicationController, mark string) {
	labels := map[string]string{"app": rc.Name, hashLabel: hash, mark: hash}
	rc.Spec.Selector, rc.Spec.Template = maps.Clone(labels), podTemplate(labels, "v2")
	rc.Labels[sealed] = fmt.Sprint(mark == sealed)
}

// write changes an object as it is by then.
func (p *Pairs) write(ctx context.Context, name string, change func(*corev1.ReplicationController)) error {
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		rc, err := p.rcs().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		change(rc)
		written, err := p.rcs().Update(ctx, rc, metav1.UpdateOptions{})
		if err == nil {
			p.store.wrote(written)
		}
		return err
	})
}

// createPolicy is the candidate with parameters: while a ReplicationController is sealed,
// pods with its hash may get it as their controller and no other.
func createPolicy(ctx context.Context, client kubernetes.Interface, namespace string) error {
	name := "bench-" + namespace
	policy := &admissionregistrationv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
			ParamKind: &admissionregistrationv1.ParamKind{APIVersion: "v1", Kind: "ReplicationController"},
			MatchConstraints: &admissionregistrationv1.MatchResources{
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": namespace}},
				ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{RuleWithOperations: admissionregistrationv1.RuleWithOperations{
					Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Update},
					Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
				}}},
			},
			Validations: []admissionregistrationv1.Validation{{Expression: fmt.Sprintf(
				`object.metadata.?labels[?'app'].orValue('') != params.metadata.name || object.metadata.?labels[?'%s'].orValue('') != params.spec.selector[?'%s'].orValue('') || `+
					`object.metadata.?ownerReferences.orValue([]).all(o, o.uid == params.metadata.uid || oldObject.metadata.?ownerReferences.orValue([]).exists(old, old.uid == o.uid))`,
				hashLabel, hashLabel)}},
		},
	}
	policies := client.AdmissionregistrationV1()
	if _, err := policies.ValidatingAdmissionPolicies().Create(ctx, policy, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create the policy: %w", err)
	}
	binding := &admissionregistrationv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: name, ValidationActions: []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny},
			ParamRef: &admissionregistrationv1.ParamRef{
				Selector:                &metav1.LabelSelector{MatchLabels: map[string]string{sealed: "true"}},
				ParameterNotFoundAction: ptr.To(admissionregistrationv1.AllowAction),
			},
		},
	}
	if _, err := policies.ValidatingAdmissionPolicyBindings().Create(ctx, binding, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("bind the policy: %w", err)
	}
	return nil
}
