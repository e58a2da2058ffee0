package cluster

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	fakediscovery "k8s.io/client-go/discovery/fake"
	clienttesting "k8s.io/client-go/testing"
)

func TestOnlyServed(t *testing.T) {
	api := &fakediscovery.FakeDiscovery{Fake: &clienttesting.Fake{Resources: []*metav1.APIResourceList{
		{GroupVersion: "v1", APIResources: []metav1.APIResource{{Kind: "Service"}}},
		{GroupVersion: "admissionregistration.k8s.io/v1", APIResources: []metav1.APIResource{{Kind: "ValidatingAdmissionPolicy"}}},
	}}}
	const (
		service    = "apiVersion: v1\nkind: Service"
		validating = "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy"
		mutating   = "apiVersion: admissionregistration.k8s.io/v1\nkind: MutatingAdmissionPolicy"
		other      = "apiVersion: other.example.com/v1\nkind: Other"
	)
	kept, leftOut, err := onlyServed([]byte(service+"\n---\n"+mutating+"\n---\n"+validating+"\n---\n"+other+"\n"), api)
	if err != nil {
		t.Fatal(err)
	}
	if want := service + "\n---\n" + validating; string(kept) != want {
		t.Errorf("kept %q, want %q", kept, want)
	}
	if want := []string{"MutatingAdmissionPolicy", "Other"}; !slices.Equal(leftOut, want) {
		t.Errorf("left out %v, want %v", leftOut, want)
	}
}
