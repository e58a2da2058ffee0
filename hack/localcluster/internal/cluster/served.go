package cluster

import (
	"bytes"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	sigsyaml "sigs.k8s.io/yaml"
)

// documentEnd is between the manifests of a stream.
var documentEnd = []byte("\n---\n")

// served leaves out of a stream what this API server does not know, as the chart does for
// earlier versions of Kubernetes. It also returns the kinds that it left out.
func (c *Cluster) served(manifests []byte) ([]byte, []string, error) {
	client, err := c.client()
	if err != nil {
		return nil, nil, err
	}
	return onlyServed(manifests, client.Discovery())
}

func onlyServed(manifests []byte, api discovery.ServerResourcesInterface) ([]byte, []string, error) {
	var kept [][]byte
	var leftOut []string
	known := map[string]*metav1.APIResourceList{}
	for _, document := range bytes.Split(manifests, documentEnd) {
		var meta metav1.TypeMeta
		if err := sigsyaml.Unmarshal(document, &meta); err != nil {
			return nil, nil, fmt.Errorf("parsing the manifests: %w", err)
		}
		if known[meta.APIVersion] == nil {
			list, err := api.ServerResourcesForGroupVersion(meta.APIVersion)
			if apierrors.IsNotFound(err) {
				list, err = &metav1.APIResourceList{}, nil
			}
			if err != nil {
				return nil, nil, fmt.Errorf("asking what the API server serves of %s: %w", meta.APIVersion, err)
			}
			known[meta.APIVersion] = list
		}
		if !serves(known[meta.APIVersion], meta.Kind) {
			leftOut = append(leftOut, meta.Kind)
			continue
		}
		kept = append(kept, document)
	}
	return bytes.Join(kept, documentEnd), leftOut, nil
}

func serves(list *metav1.APIResourceList, kind string) bool {
	for i := range list.APIResources {
		if list.APIResources[i].Kind == kind {
			return true
		}
	}
	return false
}
