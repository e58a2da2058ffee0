package main

import (
	"testing"

	"github.com/go-logr/logr/funcr"
	"github.com/stretchr/testify/assert"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestSayWhatIsLacking(t *testing.T) {
	for name, c := range map[string]struct {
		served schema.GroupVersion
		want   string
	}{
		"as v1":      {admissionv1.SchemeGroupVersion, ""},
		"as v1beta1": {schema.GroupVersion{Group: admissionv1.GroupName, Version: "v1beta1"}, "rcroll.dev/successor"},
	} {
		t.Run(name, func(t *testing.T) {
			mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{c.served})
			mapper.Add(c.served.WithKind("MutatingAdmissionPolicy"), meta.RESTScopeRoot)
			var said string
			sayWhatIsLacking(funcr.New(func(_, line string) { said += line }, funcr.Options{}), mapper)
			if c.want == "" {
				assert.Empty(t, said)
			}
			assert.Contains(t, said, c.want)
		})
	}
}
