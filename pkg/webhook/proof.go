package webhook

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rcroll/rcroll/pkg/api"
)

// prove reads the reviewed object from the API server, and fails unless the review is of
// exactly that version of it.
//
// Whoever reaches the webhook's port can post a review, and say in it that anybody wants
// anything. As long as the answer is computed from nothing but what was sent, that is no
// harm: nobody stores it. But before the webhook asks or writes anything with rights of
// its own, the sender has to know what only the API server does, and who may read the
// object: its UID and its current version. Who may read it and forges a review remains;
// client certificates keep that one out (--client-ca-file).
//
// The failure is the same whether the object is another one or there is none, and reads
// like any conflict. For what the API server does about it see mutate.Outdated.
func prove(ctx context.Context, reader client.Reader, reviewed *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	live := api.EmptyRC()
	err := reader.Get(ctx, client.ObjectKeyFromObject(reviewed), live)
	if client.IgnoreNotFound(err) != nil {
		return nil, err
	}
	proven := err == nil && live.GetUID() == reviewed.GetUID() && live.GetResourceVersion() == reviewed.GetResourceVersion()
	if !proven {
		return nil, fmt.Errorf("%w: %w", errUnproven, conflict(reviewed.GetName()))
	}
	return live, nil
}

// conflict is the API server's error for a version that is not the stored one.
func conflict(name string) error {
	return apierrors.NewConflict(corev1.Resource("replicationcontrollers"), name, errOutdated)
}
