package shipped

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rcroll/rcroll/test/golden"
)

// TestRecordedReviews: an API server sent each of them to the webhook.
func TestRecordedReviews(t *testing.T) {
	controllers, scales := webhook(t, "rc.rcroll.dev"), webhook(t, "scale.rcroll.dev")
	edits, err := golden.Load("../../pkg/webhook/testdata/reviews")
	require.NoError(t, err)
	require.NotEmpty(t, edits)
	for edit, cases := range edits {
		for _, c := range cases {
			for _, raw := range c.Reviews {
				request, err := golden.Review(raw)
				require.NoError(t, err)
				write, err := WriteOf(request)
				require.NoError(t, err)
				for webhook, concerned := range map[*Webhook]bool{controllers: write.SubResource == "", scales: write.SubResource == "scale"} {
					called, err := webhook.IsCalledFor(t.Context(), write)
					require.NoError(t, err, "%s, %s", edit, c.Moment)
					assert.Equal(t, concerned, called, "%s, %s", edit, c.Moment)
				}
			}
		}
	}
}

func webhook(t *testing.T, name string) *Webhook {
	w, err := ReadWebhook(name)
	require.NoError(t, err)
	return w
}
