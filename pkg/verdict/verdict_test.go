package verdict

import (
	"testing"

	"github.com/stretchr/testify/assert"
	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/client-go/rest"
)

// In whose names a question about a user's write is put, the most exact one first. The
// group that marks the questions joins the user's own, where the API server allows
// groups at all.
func TestIdentities(t *testing.T) {
	groups, marked := []string{"team", "system:authenticated"}, []string{"team", "system:authenticated", Group}
	for name, c := range map[string]struct {
		user authenticationv1.UserInfo
		want []*rest.ImpersonationConfig
	}{
		"a user": {
			authenticationv1.UserInfo{Username: "alice", Groups: groups},
			[]*rest.ImpersonationConfig{{UserName: "alice", Groups: marked}},
		},
		"a user of whom more is known": {
			authenticationv1.UserInfo{Username: "alice", Groups: groups, UID: "7", Extra: map[string]authenticationv1.ExtraValue{"scopes": {"dev"}}},
			[]*rest.ImpersonationConfig{
				{UserName: "alice", Groups: marked, UID: "7", Extra: map[string][]string{"scopes": {"dev"}}},
				{UserName: "alice", Groups: marked},
			},
		},
		"a ServiceAccount": {
			authenticationv1.UserInfo{Username: "system:serviceaccount:ci:deployer", Groups: []string{"system:serviceaccounts"}, UID: "7"},
			[]*rest.ImpersonationConfig{{UserName: "system:serviceaccount:ci:deployer"}},
		},
		"a member of system:masters": {authenticationv1.UserInfo{Username: "root", Groups: []string{mastersGroup}}, nil},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, c.want, identities(c.user)) })
	}
	assert.Equal(t, []string{"team", "system:authenticated"}, groups, "the review's own are left as they are")
}
