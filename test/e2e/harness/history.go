package harness

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rcroll/rcroll/pkg/history"
)

// History are the revisions of the ReplicationController, in the order of their numbers:
// number, images, result and cause of each.
func (s *Scenario) History() []string {
	s.Helper()
	list, err := s.Cluster.Client.AppsV1().ControllerRevisions(s.Namespace).List(context.Background(), metav1.ListOptions{})
	require.NoError(s, err)
	slices.SortFunc(list.Items, func(a, b appsv1.ControllerRevision) int { return cmp.Compare(a.Revision, b.Revision) })
	uid := s.Stored().UID
	var lines []string
	for i := range list.Items {
		object := &list.Items[i]
		assert.True(s, history.IsOf(object, uid), "%s is not of %s", object.Name, s.Ref())
		spec, err := history.SpecOf(object)
		require.NoError(s, err)
		revision := history.Of(object)
		line := fmt.Sprintf("%d %s %s %s", revision.Number, strings.Join(spec.DistinctImages(), ","), revision.Result, revision.ChangeCause)
		lines = append(lines, strings.TrimSpace(line))
	}
	return lines
}
