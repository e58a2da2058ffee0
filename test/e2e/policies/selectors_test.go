package policies

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
)

// Who makes something that selects pods by the hash of a template is told that it
// will select none after the next rollout, and by what to select.
func TestSelectorsWithAHash(t *testing.T) {
	t.Parallel()
	s := harness.Given(t, manifest.Tomcat(t, manifest.Replicas(1)))
	s.SetImage("tomcat=tomcat:8")
	rc := s.AwaitRollout("tomcat:8", 1).RC
	const says = "selects pods by a label that changes with every rolling update of rcroll, so it matches none after the next one: " +
		"take deployment and rcroll.dev/* out of it, and select by the labels in the manifest of the ReplicationController, here app=tomcat"

	out := s.Kubectl("expose", "rc", "tomcat", "--port=80")
	assert.Contains(t, out.Stderr, "Warning: Validation failed for ValidatingAdmissionPolicy 'rcroll-selectors'")
	assert.Contains(t, out.Stderr, "Service tomcat: spec.selector: "+says)

	hash := rc.Spec.Selector["deployment"]
	budget := `{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: tomcat}, spec: {minAvailable: 1, selector: {%s}}}`
	network := `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: tomcat}, spec: {podSelector: {%s}, ingress: [{from: [{podSelector: {%s}}]}]}}`
	labels := fmt.Sprintf("matchLabels: {app: tomcat, deployment: %q}", hash)
	expression := fmt.Sprintf("matchExpressions: [{key: deployment, operator: In, values: [%q]}]", hash)
	const own = "matchLabels: {app: tomcat}"
	const blue = "matchLabels: {app: tomcat, deployment: blue}"
	for manifest, warning := range map[string]string{
		fmt.Sprintf(budget, labels):           "PodDisruptionBudget tomcat: spec.selector: " + says,
		fmt.Sprintf(budget, expression):       "PodDisruptionBudget tomcat: spec.selector: selects pods by a label that changes",
		fmt.Sprintf(network, labels, own):     "NetworkPolicy tomcat: podSelector: " + says,
		fmt.Sprintf(network, own, labels):     "NetworkPolicy tomcat: podSelector: " + says,
		fmt.Sprintf(network, own, expression): "NetworkPolicy tomcat: podSelector: selects pods by a label that changes",
		fmt.Sprintf(budget, own):              "",
		fmt.Sprintf(budget, blue):             "",
		fmt.Sprintf(network, own, own):        "",
		`{apiVersion: v1, kind: Service, metadata: {name: headless}, spec: {clusterIP: None, ports: [{port: 80}]}}`:                                                               "",
		`{apiVersion: v1, kind: Service, metadata: {name: other}, spec: {selector: {app: tomcat}, ports: [{port: 80}]}}`:                                                          "",
		`{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: tomcat}, spec: {minAvailable: 1}}`:                                                                   "",
		`{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: t}, spec: {podSelector: {}, egress: [{}], ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}}`: "",
	} {
		out := s.KubectlWithInput(manifest, "apply", "--server-side", "--dry-run=server", "-f", "-")
		if warning == "" {
			assert.Empty(t, out.Stderr, manifest)
		} else {
			assert.Contains(t, out.Stderr, warning, manifest)
		}
	}
}
