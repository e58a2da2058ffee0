package webhook

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/golden"
)

// forgery is a value that nobody but who forged it writes.
const forgery = "f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0"

// reservedPlaces are where rcroll's own entries stand in an object.
var reservedPlaces = [][]string{
	{"metadata", "annotations", api.RequestAnnotation},
	{"metadata", "annotations", api.CommandAnnotation},
	{"metadata", "annotations", api.PromotedAnnotation},
	{"metadata", "annotations", api.LiveAnnotation},
	{"metadata", "annotations", api.PromotingSinceAnnotation},
	{"metadata", "annotations", api.RequestedByAnnotation},
	{"metadata", "annotations", api.RequestedAtAnnotation},
	{"metadata", "labels", api.RollingLabel},
	{"spec", "selector", api.SealedLabel},
	{"spec", "template", "metadata", "labels", api.SealedLabel},
	{"spec", "template", "metadata", "labels", api.AdoptingLabel},
	{"spec", "template", "metadata", "labels", api.SuccessorLabel},
}

// FuzzForgedKeys forges one of rcroll's entries in a user's write: whatever else is in the
// body, it is refused, or the entry is not what is stored.
func FuzzForgedKeys(f *testing.F) {
	edits, err := golden.Load(reviewsDirectory)
	require.NoError(f, err)
	var sample golden.Case
	place := 0
	for _, cases := range edits {
		for _, c := range cases {
			for _, review := range c.Reviews {
				f.Add([]byte(review), uint8(place%len(reservedPlaces)))
				place++
			}
			if c.Moment == "pending" && c.Stored != nil {
				sample = c
			}
		}
	}
	handler := handlers(f, sample)[ControllerPath]
	f.Fuzz(func(t *testing.T, body []byte, place uint8) {
		at := reservedPlaces[int(place)%len(reservedPlaces)]
		forged, ok := forge(body, at)
		if !ok {
			return
		}
		response := post(t, handler, "application/json", bytes.NewReader(forged))
		if response.Allowed {
			expectUnforged(t, response, at)
		}
	})
}

// forge puts the forgery into the object of a user's write, unless there is none.
func forge(body []byte, at []string) ([]byte, bool) {
	var review map[string]any
	if json.Unmarshal(body, &review) != nil || bytes.Contains(body, []byte(forgery)) {
		return nil, false
	}
	var typed admissionv1.AdmissionReview
	if json.Unmarshal(body, &typed) != nil || typed.Request == nil || installed.AgentUser == typed.Request.UserInfo.Username ||
		installed.WebhookUser == typed.Request.UserInfo.Username || typed.Request.Operation == admissionv1.Delete ||
		typed.Request.DryRun != nil && *typed.Request.DryRun {
		return nil, false // nothing is stored, or it is rcroll's
	}
	object, found, err := unstructured.NestedMap(review, "request", "object")
	if err != nil || !found || api.IsForeign(&unstructured.Unstructured{Object: object}) {
		return nil, false
	}
	if unstructured.SetNestedField(review, forgery, append([]string{"request", "object"}, at...)...) != nil {
		return nil, false
	}
	forged, err := json.Marshal(review)
	return forged, err == nil
}

// expectUnforged fails unless the answer takes the forgery out of the object, or what it
// stands in.
func expectUnforged(t *testing.T, response *admissionv1.AdmissionResponse, at []string) {
	var operations []struct {
		Op, Path string
		Value    any
	}
	require.NoError(t, json.Unmarshal(response.Patch, &operations), "the forgery is allowed as it is")
	path := "/" + strings.ReplaceAll(strings.Join(at, "\x00"), "/", "~1")
	path = strings.ReplaceAll(path, "\x00", "/")
	taken := false
	for _, operation := range operations {
		text, err := json.Marshal(operation.Value)
		require.NoError(t, err)
		assert.NotContains(t, string(text), forgery)
		if operation.Op != "add" && (path == operation.Path || strings.HasPrefix(path, operation.Path+"/")) {
			taken = true
		}
	}
	assert.True(t, taken, "%v stays: %s", at, response.Patch)
}
