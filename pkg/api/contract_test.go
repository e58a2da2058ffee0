package api_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rcroll/rcroll/pkg/api"
)

// TestContract pins what is written on users' objects, and read from them. Users have
// the settings in their manifests, and a webhook and an agent of two versions read each
// other's annotations and labels in the middle of an upgrade, as they stand on rollouts
// that began before it. The manifests select by some of them, too. So whoever changes a
// word here also needs code that still reads the old one, and a line in the release notes.
func TestContract(t *testing.T) {
	for _, c := range []struct{ is, name string }{
		{api.Prefix, "rcroll.dev/"},

		{api.RequestAnnotation, "rcroll.dev/request"},
		{api.CommandAnnotation, "rcroll.dev/command"},
		{api.PromotedAnnotation, "rcroll.dev/promoted"},
		{api.LiveAnnotation, "rcroll.dev/live"},
		{api.PromotingSinceAnnotation, "rcroll.dev/promoting-since"},
		{api.RequestedByAnnotation, "rcroll.dev/requested-by"},
		{api.RequestedAtAnnotation, "rcroll.dev/requested-at"},
		{api.ApproveAnnotation, "rcroll.dev/approve"},
		{api.ApprovedByAnnotation, "rcroll.dev/approved-by"},
		{api.ApprovedAtAnnotation, "rcroll.dev/approved-at"},
		{api.ChangeCauseAnnotation, "rcroll.dev/change-cause"},
		{api.RevisionOfLabel, "rcroll.dev/revision-of"},
		{api.TemplateHashAnnotation, "rcroll.dev/template-hash"},
		{api.ResultAnnotation, "rcroll.dev/result"},
		{api.DurationAnnotation, "rcroll.dev/duration"},
		{api.OverriddenAnnotation, "rcroll.dev/overridden"},
		{api.VerdictFieldManager, "rcroll-verdict"},
		{api.RollingLabel, "rcroll.dev/rolling"},
		{api.SealedLabel, "rcroll.dev/sealed"},
		{api.AdoptingLabel, "rcroll.dev/adopting"},
		{api.SuccessorLabel, "rcroll.dev/successor"},
		{api.DefaultHashLabelKey, "deployment"},
		{api.True, "true"},

		{api.MaxSurgeAnnotation, "rcroll.dev/max-surge"},
		{api.MaxUnavailableAnnotation, "rcroll.dev/max-unavailable"},
		{api.UpdatePeriodAnnotation, "rcroll.dev/update-period"},
		{api.ProgressDeadlineAnnotation, "rcroll.dev/progress-deadline"},
		{api.OnFailureAnnotation, "rcroll.dev/on-failure"},
		{api.StepsAnnotation, "rcroll.dev/steps"},
		{api.TriggerAnnotation, "rcroll.dev/trigger"},
		{api.PausedAnnotation, "rcroll.dev/paused"},
		{api.OverrideAnnotation, "rcroll.dev/override"},
		{api.EnabledKey, "rcroll.dev/enabled"},

		{string(api.Hold), "hold"},
		{string(api.Rollback), "rollback"},

		{string(api.Scale), "Scale"},
		{string(api.Seal), "Seal"},
		{string(api.Adopt), "Adopt"},
		{string(api.Open), "Open"},
		{string(api.Finish), "Finish"},
		{string(api.Cancel), "Cancel"},
		{string(api.Approve), "Approve"},

		{api.Command{Operation: api.Scale, Hash: hash, Replicas: 3}.String(), `{"operation":"Scale","hash":"` + hash + `","replicas":3}`},
		{api.Command{Operation: api.Approve, Hash: hash, Step: 2}.String(), `{"operation":"Approve","hash":"` + hash + `","replicas":0,"step":2}`},
		{api.Approval{Hash: hash, Step: 2}.String(), hash + "/2"},
		{api.NewRCName("tomcat", hash), "tomcat-" + hash},
		{parse(t, text).Hash("deployment"), "27320c54ebdf0c70a4d301eba68b0cd6"},
	} {
		assert.Equal(t, c.name, c.is)
	}
	for key, values := range map[string][]string{
		"rcroll.dev/max-surge":         {"0", "3", "25%", "150%"},
		"rcroll.dev/max-unavailable":   {"1", "25%", "100%"},
		"rcroll.dev/update-period":     {"0s", "10s", "1m30s"},
		"rcroll.dev/progress-deadline": {"1s", "10m"},
		"rcroll.dev/on-failure":        {"hold", "rollback"},
		"rcroll.dev/steps":             {"1", "1,pause,50%,pause=10m"},
		"rcroll.dev/trigger":           {"image", "template", "none"},
		"rcroll.dev/paused":            {"true", "false"},
		"rcroll.dev/override":          {"freeze", "freeze,production"},
		"rcroll.dev/enabled":           {"true", "false"},
	} {
		assert.Contains(t, api.Settings, key)
		for _, value := range values {
			annotations := map[string]string{"rcroll.dev/max-unavailable": "1", key: value}
			assert.NoError(t, api.CheckSettings(annotations, []string{key}), "%s=%s", key, value)
		}
	}
	assert.Len(t, api.Settings, 10)
}

func TestIsOwned(t *testing.T) {
	rolling := map[string]string{"rcroll.dev/rolling": "true"}
	by := func(apiVersion, kind string, controller bool) []metav1.OwnerReference {
		return []metav1.OwnerReference{{APIVersion: apiVersion, Kind: kind, Name: "tomcat", Controller: &controller}}
	}
	for name, c := range map[string]struct {
		labels map[string]string
		owners []metav1.OwnerReference
		want   bool
	}{
		"owned":                            {rolling, by("v1", "ReplicationController", true), true},
		"the user's, while it rolls":       {rolling, nil, false},
		"owned, but not controlled":        {rolling, by("v1", "ReplicationController", false), false},
		"controlled by something else":     {rolling, by("apps/v1", "ReplicaSet", true), false},
		"of another group":                 {rolling, by("example.com/v1", "ReplicationController", true), false},
		"controlled, but not by a rollout": {nil, by("v1", "ReplicationController", true), false},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, api.IsOwned(&metav1.ObjectMeta{Labels: c.labels, OwnerReferences: c.owners}))
		})
	}
}
