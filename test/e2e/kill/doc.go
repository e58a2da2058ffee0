// Package kill tests that rcroll gets over the death of any process at any moment. The
// agent dies before and after every write that it makes, the webhook before and after
// every review (everywrite); agent, controller manager and API server die at each
// stage of a rollout (crash, kubernetes); agents fail over, overlap and back off
// (agent); the webhook drains, renews its certificate and is missing (webhook).
//
// These tests stop processes that others need: none of them is parallel, though
// subtests may be.
package kill
