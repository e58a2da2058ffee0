package agent

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func object(uid types.UID, version string) client.Object {
	return &corev1.ReplicationController{ObjectMeta: metav1.ObjectMeta{Name: "x", UID: uid, ResourceVersion: version}}
}

func deleting(uid types.UID) client.Object {
	o := object(uid, "12")
	o.SetDeletionTimestamp(&metav1.Time{Time: time.Unix(1, 0)})
	return o
}

func TestExpectations(t *testing.T) {
	wrote := func(e *expectations) { e.wrote(object("a", "10"), false) }
	created := func(e *expectations) { e.wrote(object("a", "10"), true) }
	deleted := func(e *expectations) { e.deleted("x", "a") }
	tests := map[string]struct {
		write   func(*expectations)
		cached  client.Object // nil if the cache does not know it
		behind  bool
		unknown bool
	}{
		"a write, an older version":              {write: wrote, cached: object("a", "9"), behind: true},
		"a write, that version":                  {write: wrote, cached: object("a", "10")},
		"a write, a newer version":               {write: wrote, cached: object("a", "11")},
		"a write, gone since":                    {write: wrote},
		"a creation, not there yet":              {write: created, unknown: true},
		"a creation, the predecessor is there":   {write: created, cached: object("z", "9"), behind: true},
		"a creation, a successor is there":       {write: created, cached: object("b", "11")},
		"a creation, there":                      {write: created, cached: object("a", "10")},
		"a deletion, still there":                {write: deleted, cached: object("a", "9"), behind: true},
		"a deletion, marked":                     {write: deleted, cached: deleting("a")},
		"a deletion, gone":                       {write: deleted},
		"a deletion, another one of the name":    {write: deleted, cached: object("b", "11")},
		"nothing expected":                       {write: func(*expectations) {}, cached: object("a", "1")},
		"settled":                                {write: func(e *expectations) { created(e); e.settle("x") }},
		"a write after a creation, both pending": {write: func(e *expectations) { created(e); e.wrote(object("a", "20"), false) }, cached: object("a", "10"), behind: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var e expectations
			test.write(&e)
			cached := map[string]client.Object{}
			if test.cached != nil {
				cached["x"] = test.cached
			}
			behind, unknown := e.unseen(cached)
			assert.Equal(t, test.behind, len(behind) > 0, "behind")
			assert.Equal(t, test.unknown, len(unknown) > 0, "unknown")
			if !test.behind && !test.unknown {
				assert.Empty(t, e, "what was seen is not kept")
			}
		})
	}
}
