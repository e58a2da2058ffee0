package mutate

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"

	"github.com/rcroll/rcroll/pkg/api"
)

// merge adds what an imperative write changed in the live spec to the pending
// request, as a strategic merge: containers by name, environment variables by
// name, and so on. So a set env and a set image in a row add up.
func merge(live, wanted, pending api.Spec) (api.Spec, error) {
	// Nothing to add, or nothing that is not there: the merge would say the same.
	if live.Equal(wanted) || pending.Equal(wanted) {
		return pending, nil
	}
	schema, err := strategicpatch.NewPatchMetaFromStruct(corev1.ReplicationControllerSpec{})
	if err != nil {
		return nil, fmt.Errorf("read the schema of a ReplicationControllerSpec: %w", err)
	}
	change, err := strategicpatch.CreateTwoWayMergeMapPatchUsingLookupPatchMeta(
		map[string]any(live.DeepCopy()), map[string]any(wanted.DeepCopy()), schema)
	if err != nil {
		return nil, fmt.Errorf("compare with the live spec: %w", err)
	}
	merged, err := strategicpatch.StrategicMergeMapPatchUsingLookupPatchMeta(
		map[string]any(pending.DeepCopy()), change, schema)
	if err != nil {
		return nil, fmt.Errorf("merge into the pending request: %w", err)
	}
	return api.Spec(merged), nil
}
