// Package exit ends the commands of rcroll as kubectl ends: with its words for errors,
// and with the exit codes that are documented.
package exit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
)

// Interrupted is the exit code after SIGINT, as of every program that a shell runs.
const Interrupted = 130

// failure is that of any other error.
const failure = 1

// prefix is that of errors that are not the API server's.
const prefix = "error: "

// Error is an error with an exit code of its own.
type Error struct {
	Code int
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

// Run runs a command, reports its error, and returns the exit code.
func Run(ctx context.Context, command *cobra.Command, errOut io.Writer) int {
	command.SilenceErrors, command.SilenceUsage = true, true
	err := command.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if err.Error() != "" { // else the code says it all
		_, _ = fmt.Fprintln(errOut, strings.TrimRight(Describe(err), "\n"))
	}
	if with := (*Error)(nil); errors.As(err, &with) {
		return with.Code
	}
	return failure
}

// Describe is what kubectl prints of an error.
func Describe(err error) string {
	if several := utilerrors.Aggregate(nil); errors.As(err, &several) && len(several.Errors()) > 1 {
		lines := make([]string, len(several.Errors()))
		for i, one := range several.Errors() {
			lines[i] = strings.TrimPrefix(Describe(one), prefix) // as kubectl does it
		}
		return strings.Join(lines, "\n")
	}
	var status apierrors.APIStatus
	var connection *url.Error
	switch {
	case errors.As(err, &status) && apierrors.IsUnauthorized(err):
		return fmt.Sprintf("error: You must be logged in to the server (%s)", status.Status().Message)
	case errors.As(err, &status) && status.Status().Reason != metav1.StatusReasonUnknown:
		return fmt.Sprintf("Error from server (%s): %s", status.Status().Reason, err)
	case errors.As(err, &status):
		return fmt.Sprintf("Error from server: %s", err)
	case errors.As(err, &connection) && strings.Contains(connection.Error(), "connection refused"):
		return fmt.Sprintf("The connection to the server %s was refused - did you specify the right host or port?", hostOf(connection.URL))
	case errors.As(err, &connection):
		return fmt.Sprintf("Unable to connect to the server: %v", connection.Err)
	}
	return prefix + err.Error()
}

func hostOf(address string) string {
	if parsed, err := url.Parse(address); err == nil {
		return parsed.Host
	}
	return address
}

// Usage is an error about the arguments of a command.
func Usage(command *cobra.Command, err error) error {
	return fmt.Errorf("%w\nSee '%s -h' for help and examples", err, command.CommandPath())
}
