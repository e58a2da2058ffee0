package api_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/rcroll/rcroll/pkg/api"
)

const hash = "0123456789abcdef0123456789abcdef"

func TestNewRCName(t *testing.T) {
	assert.Equal(t, "tomcat-"+hash, api.NewRCName("tomcat", hash))

	longest := strings.Repeat("a", 220)
	assert.Equal(t, longest+"-"+hash, api.NewRCName(longest, hash), "as long as may be")

	for _, name := range []string{
		strings.Repeat("a", 221), strings.Repeat("a", 253),
		strings.Repeat("a", 210) + "." + strings.Repeat("b", 42),
		strings.Repeat("a", 208) + "---" + strings.Repeat("b", 42),
	} {
		long := api.NewRCName(name, hash)
		assert.Empty(t, validation.IsDNS1123Subdomain(long), long)
		assert.True(t, strings.HasSuffix(long, "-"+hash))
		assert.Equal(t, long, api.NewRCName(name, hash))
		assert.NotEqual(t, long, api.NewRCName(name[:len(name)-1]+"x", hash), "names that differ at the end only")
	}
}

func TestNewRC(t *testing.T) {
	request, err := api.ParseSpec(`{"replicas": 5, "selector": {"app": "tomcat"}, "new": {"field": 1},
		"template": {"metadata": {"labels": {"app": "tomcat"}}, "spec": {"containers": [{"name": "tomcat", "image": "tomcat:8", "new": true}]}}}`)
	assert.NoError(t, err)
	owner := &metav1.ObjectMeta{Name: "tomcat", Namespace: "shop", UID: "uid"}
	rc := api.NewRC(owner, request, "deployment")

	digits := request.Hash("deployment")
	assert.Equal(t, "tomcat-"+digits, rc.GetName())
	assert.Equal(t, "shop", rc.GetNamespace())
	assert.Equal(t, map[string]string{api.RollingLabel: "true"}, rc.GetLabels())
	assert.True(t, metav1.IsControlledBy(rc, owner))
	assert.True(t, *rc.GetOwnerReferences()[0].BlockOwnerDeletion)
	spec := api.SpecOf(rc)
	assert.Equal(t, int32(5), spec.Replicas())
	assert.Equal(t, map[string]string{"app": "tomcat", "deployment": digits}, spec.Selector())
	assert.Equal(t, spec.Selector(), spec.TemplateLabels())
	assert.Equal(t, digits, spec.Hash("deployment"), "the label is no part of the identity")
	assert.Contains(t, spec, "new", "unknown fields survive")

	sealed := api.SealedNewRC(owner, request, "deployment")
	assert.Equal(t, rc.GetName(), sealed.GetName())
	assert.Equal(t, int32(0), api.SpecOf(sealed).Replicas())
	assert.Equal(t, map[string]string{"app": "tomcat", "deployment": digits, api.SealedLabel: digits}, api.SpecOf(sealed).Selector())
	assert.Equal(t, api.SpecOf(sealed).Selector(), api.SpecOf(sealed).TemplateLabels())
	assert.Equal(t, digits, api.SpecOf(sealed).Hash("deployment"))
	assert.Equal(t, int32(5), request.Replicas(), "the request stays as it is")
}
