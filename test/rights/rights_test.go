package rights_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/rcroll/rcroll/test/rights"
)

func rule(groups, resources, verbs []string, names ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: groups, Resources: resources, Verbs: verbs, ResourceNames: names}
}

func TestGranted(t *testing.T) {
	granted, err := rights.Granted([]rbacv1.PolicyRule{
		rule([]string{""}, []string{"pods", "pods/status"}, []string{"get"}),
		rule([]string{"apps"}, []string{"deployments"}, []string{"get", "patch"}, "web"),
		{NonResourceURLs: []string{"/metrics"}, Verbs: []string{"get"}},
	})
	require.NoError(t, err)
	var names []string
	for _, right := range granted {
		names = append(names, right.String())
	}
	assert.Equal(t, []string{"get pods", "get pods/status", "get deployments.apps web", "patch deployments.apps web"}, names)

	any, pods, get := []string{"*"}, []string{"pods"}, []string{"get"}
	for name, wild := range map[string]rbacv1.PolicyRule{
		"groups": rule(any, pods, get), "resources": rule([]string{""}, any, get), "verbs": rule([]string{""}, pods, any),
		"paths": {NonResourceURLs: any, Verbs: get},
	} {
		_, err := rights.Granted([]rbacv1.PolicyRule{wild})
		assert.ErrorContains(t, err, "a wildcard", name)
	}
}

// What the API server writes, shortened.
const (
	list     = `{"verb":"list","objectRef":{"resource":"pods"},"responseStatus":{"code":200},"annotations":{"authorization.k8s.io/decision":"allow"}}`
	patch    = `{"verb":"patch","objectRef":{"resource":"pods","name":"a"},"responseStatus":{"code":200},"annotations":{"authorization.k8s.io/decision":"allow"}}`
	byPolicy = `{"verb":"patch","objectRef":{"resource":"pods","name":"a"},"responseStatus":{"code":403},"annotations":{"authorization.k8s.io/decision":"allow"}}`
	byRBAC   = `{"verb":"patch","objectRef":{"resource":"pods","subresource":"status","name":"a"},"responseStatus":{"code":403},"annotations":{"authorization.k8s.io/decision":"forbid"}}`
	asJane   = `{"verb":"patch","impersonatedUser":{"username":"jane","uid":"u","groups":["g"],"extra":{"a.b/c":["d"]}},
		"authenticationMetadata":{"impersonationConstraint":"impersonate:user-info"},
		"objectRef":{"resource":"pods","subresource":"scale","name":"a"},"responseStatus":{"code":403},"annotations":{"authorization.k8s.io/decision":"forbid"}}`
	asAccount = `{"verb":"update","impersonatedUser":{"username":"system:serviceaccount:x:y","uid":"u","groups":["g"]},
		"authenticationMetadata":{"impersonationConstraint":"impersonate:serviceaccount"},
		"objectRef":{"resource":"pods","name":"a"},"responseStatus":{"code":200},"annotations":{"authorization.k8s.io/decision":"allow"}}`
)

func TestCompare(t *testing.T) {
	pod := func(verbs ...string) rbacv1.PolicyRule { return rule([]string{""}, []string{"pods"}, verbs) }
	as := func(mode string, resources ...string) rbacv1.PolicyRule {
		return rule([]string{"authentication.k8s.io"}, resources, []string{mode})
	}
	for name, c := range map[string]struct {
		rules   []rbacv1.PolicyRule
		events  []string
		reasons map[string]string
		want    []string
	}{
		"all is used":               {[]rbacv1.PolicyRule{pod("list", "patch")}, []string{list, patch}, nil, nil},
		"one is not":                {[]rbacv1.PolicyRule{pod("list", "patch")}, []string{list}, nil, []string{"never used: patch pods"}},
		"one is not, for a reason":  {[]rbacv1.PolicyRule{pod("list", "patch")}, []string{list}, map[string]string{"patch pods": "rare"}, nil},
		"a reason for nothing":      {[]rbacv1.PolicyRule{pod("list")}, []string{list}, map[string]string{"patch pods": "rare"}, []string{"not granted, though there is a reason not to use it: patch pods"}},
		"a policy refuses":          {[]rbacv1.PolicyRule{pod("patch")}, []string{byPolicy}, nil, nil},
		"a right is missing":        {[]rbacv1.PolicyRule{pod("patch")}, []string{patch, byRBAC}, nil, []string{"denied: patch pods/status a"}},
		"of the name":               {[]rbacv1.PolicyRule{rule([]string{""}, []string{"pods"}, []string{"patch"}, "a")}, []string{patch}, nil, nil},
		"of another name":           {[]rbacv1.PolicyRule{rule([]string{""}, []string{"pods"}, []string{"patch"}, "b")}, []string{patch}, nil, []string{"never used: patch pods b"}},
		"of another group":          {[]rbacv1.PolicyRule{rule([]string{"x"}, []string{"pods"}, []string{"patch"})}, []string{patch}, nil, []string{"never used: patch pods.x"}},
		"a user, who may not do it": {[]rbacv1.PolicyRule{as("impersonate:user-info", "users", "groups", "uids", "userextras/a.b/c"), rule([]string{""}, []string{"pods/scale"}, []string{"impersonate-on:user-info:patch"})}, []string{asJane}, nil, nil},
		"not in that user's name":   {[]rbacv1.PolicyRule{as("impersonate:user-info", "userextras/x"), rule([]string{""}, []string{"pods/scale"}, []string{"patch"})}, []string{asJane}, nil, []string{"never used: impersonate:user-info userextras/x.authentication.k8s.io", "never used: patch pods/scale"}},
		"an account":                {[]rbacv1.PolicyRule{as("impersonate:serviceaccount", "serviceaccounts"), rule([]string{""}, []string{"pods"}, []string{"impersonate-on:serviceaccount:update"})}, []string{asAccount}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			granted, err := rights.Granted(c.rules)
			require.NoError(t, err)
			var events []rights.Event
			for _, text := range c.events {
				var event rights.Event
				require.NoError(t, json.Unmarshal([]byte(text), &event))
				events = append(events, event)
			}
			assert.Equal(t, c.want, rights.Compare(granted, events, c.reasons))
		})
	}
}
