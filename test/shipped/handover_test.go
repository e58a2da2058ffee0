package shipped

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/rcroll/rcroll/pkg/api"
)

// TestHandover lists who gets a pod of a new ReplicationController, and which other pods
// anybody gets.
func TestHandover(t *testing.T) {
	policy, err := ReadHandover()
	require.NoError(t, err)
	const newRC = "tomcat-" + hash
	successor, maker := controlledBy("v1", "ReplicationController", "tomcat", "1"), controlledBy("v1", "ReplicationController", newRC, "2")
	wide, set := controlledBy("v1", "ReplicationController", "wide", "3"), controlledBy("apps/v1", "ReplicaSet", "wide", "4")
	handedOver := []podChange{podLabelled(api.SuccessorLabel, "1")}
	owned := append(handedOver, maker)
	tests := []struct {
		what    string
		before  []podChange
		changes []podChange
		refused bool
	}{
		{"the successor", handedOver, []podChange{successor}, false},
		{"the successor, and the label goes", handedOver, []podChange{successor, podLabelled(api.SuccessorLabel, "")}, false},
		{"its maker", handedOver, []podChange{maker}, false},
		{"another ReplicationController", handedOver, []podChange{wide}, true},
		{"another ReplicationController, and the label goes", handedOver, []podChange{wide, podLabelled(api.SuccessorLabel, "")}, true},
		{"a ReplicaSet", handedOver, []podChange{set}, true},
		{"another kind with the name of its maker", handedOver, []podChange{controlledBy("apps/v1", "ReplicaSet", newRC, "4")}, true},
		{"another kind with the UID of its successor", handedOver, []podChange{controlledBy("apps/v1", "ReplicaSet", "tomcat", "1")}, true},
		{"another ReplicationController of the name of its successor", handedOver, []podChange{controlledBy("v1", "ReplicationController", "tomcat", "5")}, true},
		{"another one, straight from its maker", owned, []podChange{wide}, true},
		{"the successor, straight from its maker", owned, []podChange{successor}, false},
		{"nobody", owned, []podChange{uncontrolledPod}, false},
		{"an owner that is no controller", owned, []podChange{alsoOwnedBy("wide", "3")}, false},
		{"another label", owned, []podChange{podLabelled("tier", "web")}, false},
		{"the label goes", handedOver, []podChange{podLabelled(api.SuccessorLabel, "")}, false},
		{"another one, when it has the label no more", nil, []podChange{set}, false},
		{"another one gets a pod that it labels itself", nil, []podChange{set, podLabelled(api.SuccessorLabel, "9")}, false},
	}
	for _, test := range tests {
		t.Run(test.what, func(t *testing.T) {
			before := pod(newRC, test.before...)
			after := before.DeepCopy()
			for _, change := range test.changes {
				change(after)
			}
			refused, err := policy.Refuses(t.Context(), before, after)
			require.NoError(t, err)
			assert.Equal(t, test.refused, refused)
		})
	}
}

type podChange func(*corev1.Pod)

func pod(maker string, changes ...podChange) *corev1.Pod {
	pod := &corev1.Pod{}
	pod.Name, pod.GenerateName, pod.Namespace, pod.Labels = maker+"-abcde", maker+"-", "default", map[string]string{"app": "tomcat"}
	for _, change := range changes {
		change(pod)
	}
	return pod
}

func podLabelled(key, value string) podChange {
	return func(pod *corev1.Pod) { put(&pod.Labels, key, value) }
}

func controlledBy(version, kind, name string, uid types.UID) podChange {
	return func(pod *corev1.Pod) {
		pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: version, Kind: kind, Name: name, UID: uid, Controller: ptr.To(true)}}
	}
}

func alsoOwnedBy(name string, uid types.UID) podChange {
	return func(pod *corev1.Pod) {
		pod.OwnerReferences = append(pod.OwnerReferences, metav1.OwnerReference{APIVersion: "v1", Kind: "ReplicationController", Name: name, UID: uid})
	}
}

func uncontrolledPod(pod *corev1.Pod) { pod.OwnerReferences = nil }
