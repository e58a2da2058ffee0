package webhook

import (
	"errors"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// What this package says to users, besides what pkg/mutate says. Where the API server
// gave the reason, its own words follow.

func templateNotAccepted(req admission.Request) string {
	return fmt.Sprintf("rc/%s: nothing was changed: the requested pod template was not accepted", req.Name)
}

// tooManyOfUser is for a write that waited for others of the same user.
const tooManyOfUser = "too many writes by the same user are being judged; try again in a few seconds"

func replicasNotRecorded(req admission.Request) string {
	return fmt.Sprintf("rc/%s: nothing was changed: the requested replicas could not be added to the rolling update in progress", req.Name)
}

func errDecode(what string, req admission.Request, err error) error {
	return fmt.Errorf("decode %s of the admission review for rc/%s in namespace %s: %w", what, req.Name, req.Namespace, err)
}

func errEncode(req admission.Request, err error) error {
	return fmt.Errorf("encode the answer to the admission review for rc/%s in namespace %s: %w", req.Name, req.Namespace, err)
}

// errNothingToDecode is for a review that should hold an object.
var errNothingToDecode = errors.New("it is empty")

// errUnproven: the review is not of the current version of the object. The API server's
// words follow.
var errUnproven = errors.New("the review is outdated")

// errOutdated has the API server's own words.
var errOutdated = errors.New("the object has been modified; please apply your changes to the latest version and try again")
