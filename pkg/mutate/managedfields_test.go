package mutate_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rcroll/rcroll/pkg/mutate"
)

// Who puts images back is a controller that owns them, not a command, and not one that owns
// something else.
func TestDeclaredBy(t *testing.T) {
	const images = `{"f:spec":{"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"tomcat\"}":{"f:image":{}}}}}}}`
	const replicas = `{"f:spec":{"f:replicas":{}}}`
	const applies, updates = metav1.ManagedFieldsOperationApply, metav1.ManagedFieldsOperationUpdate
	for name, c := range map[string]struct {
		manager   string
		operation metav1.ManagedFieldsOperationType
		fields    string
		want      []string
	}{
		"Flux":                        {"kustomize-controller", applies, images, []string{"kustomize-controller"}},
		"Argo CD, client-side":        {"argocd-controller", updates, images, []string{"argocd-controller"}},
		"Argo CD, server-side":        {"argocd-controller", applies, images, []string{"argocd-controller"}},
		"Argo CD, of old":             {"argocd-application-controller", updates, images, []string{"argocd-application-controller"}},
		"Flux, client-side":           {"kustomize-controller", updates, images, []string{"kustomize-controller"}},
		"Flux, a HelmRelease":         {"helm-controller", updates, images, []string{"helm-controller"}},
		"Helm 4":                      {"helm", applies, images, []string{"helm"}},
		"Helm 3":                      {"helm", updates, images, []string{"helm"}},
		"Terraform":                   {"Terraform", updates, images, []string{"Terraform"}},
		"any that applies":            {"fleet", applies, images, []string{"fleet"}},
		"Argo CD, only replicas":      {"argocd-controller", updates, replicas, nil},
		"kubectl apply":               {"kubectl-client-side-apply", updates, images, nil},
		"kubectl edit":                {"kubectl-edit", updates, images, nil},
		"rcroll's commands":           {mutate.CommandsManager, updates, images, nil},
		"an autoscaler that applies":  {"keda", applies, replicas, nil},
		"kubectl apply --server-side": {"kubectl", applies, images, nil},
		"kubectl set image":           {"kubectl-set", updates, images, nil},
		"fields that cannot be read":  {"argocd-controller", updates, `{"f:spec":`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			rc := tomcat()
			rc.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: c.manager, Operation: c.operation, APIVersion: "v1",
				FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(c.fields)}})
			assert.Equal(t, c.want, mutate.DeclaredBy(rc))
		})
	}
}
