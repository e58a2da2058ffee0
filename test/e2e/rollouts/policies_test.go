package rollouts

import (
	"fmt"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rcroll/rcroll/test/e2e/harness"
)

// Kinds of admission policies, and what their bindings have of their own.
const (
	validating = "ValidatingAdmissionPolicy"
	mutating   = "MutatingAdmissionPolicy"
)

// installPolicy creates a policy with that spec for the scenario's namespace, until the
// test ends. The API server heeds it a moment later.
func (s *scenario) installPolicy(kind, spec string) {
	s.Helper()
	binding := map[string]string{validating: "validationActions: [Deny]"}[kind]
	s.KubectlWithInput(fmt.Sprintf(`
apiVersion: admissionregistration.k8s.io/v1
kind: %[2]s
metadata: {name: %[1]s}
spec:%[3]s
---
apiVersion: admissionregistration.k8s.io/v1
kind: %[2]sBinding
metadata: {name: %[1]s}
spec:
  policyName: %[1]s
  matchResources: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %[1]s}}}
  %[4]s
`, s.Namespace, kind, spec, binding), "create", "-f", "-")
	s.Cleanup(func() {
		s.Kubectl("delete", kind+"/"+s.Namespace, kind+"Binding/"+s.Namespace)
	})
}

// mutateRCs has a policy apply an expression to the ReplicationControllers of the
// scenario's namespace.
func (s *scenario) mutateRCs(operations, expression string) {
	s.Helper()
	s.installPolicy(mutating, fmt.Sprintf(`
  failurePolicy: Fail
  reinvocationPolicy: IfNeeded
  matchConstraints:
    resourceRules: [{apiGroups: [""], apiVersions: [v1], resources: [replicationcontrollers], operations: [%s]}]
  mutations:
  - patchType: ApplyConfiguration
    applyConfiguration:
      expression: '%s'`, operations, expression))
}

// denyRCs has a policy judge the ReplicationControllers of the scenario's namespace, and
// waits until trial, which violates it, is refused.
func (s *scenario) denyRCs(expression, message string, trial ...string) {
	s.Helper()
	s.installPolicy(validating, fmt.Sprintf(`
  matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], resources: [replicationcontrollers], operations: [CREATE, UPDATE]}]}
  validations: [{expression: "%s", message: "%s"}]`, expression, message))
	require.Eventually(s, func() bool { return strings.Contains(s.TryKubectl("", trial...).Stderr, message) }, harness.Patience, 100*time.Millisecond)
}
