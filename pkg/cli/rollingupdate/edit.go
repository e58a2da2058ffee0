package rollingupdate

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/resource"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/cli/client"
	"github.com/rcroll/rcroll/pkg/mutate"
	"github.com/rcroll/rcroll/pkg/progress"
)

// edit is what the flags ask for.
func (o *options) edit(rc *unstructured.Unstructured, before progress.Rollout) (client.Edit, error) {
	if len(o.filenames) > 0 {
		if err := o.read(o.filenames[0]); err != nil {
			return client.Edit{}, err
		}
		return client.Edit{Body: o.fromFile(rc, o.file, before)}, nil
	}
	return o.imageEdit(rc, before, time.Now())
}

// imageEdit changes the image of a container, as kubectl set image does.
func (o *options) imageEdit(rc *unstructured.Unstructured, before progress.Rollout, now time.Time) (client.Edit, error) {
	current := before.Requested
	if current == nil || before.Cancelled {
		current = before.Live
	}
	chosen, err := o.choose(current)
	if err != nil {
		return client.Edit{}, err
	}
	inFlight := isInFlight(before)
	same := chosen.Image == o.image
	switch {
	case inFlight && !same && before.Live.Images()["containers/"+chosen.Name] == o.image:
		return client.Edit{}, errInProgress(chosen.Image)
	case !inFlight && same && o.rolledBefore(rc):
		return client.Annotate(o.annotations(rc)), nil
	case !inFlight && same && o.pullPolicy == "":
		return client.Edit{}, errPullPolicy
	}
	body := map[string]any{"spec": map[string]any{"template": o.template(chosen, !inFlight && same, now)}}
	if annotations := o.annotations(rc); len(annotations) > 0 {
		body["metadata"] = map[string]any{"annotations": annotations}
	}
	return client.Edit{Type: types.StrategicMergePatchType, Body: body}, nil
}

// isInFlight reports whether the rollout can still be led elsewhere.
func isInFlight(r progress.Rollout) bool {
	return r.Phase.Pending() && !r.Cancelled && r.Phase != progress.Promoting
}

// template is the change of the template: with the same image, a restart.
func (o *options) template(chosen corev1.Container, same bool, now time.Time) map[string]any {
	container := map[string]any{"name": chosen.Name, "image": o.image}
	template := map[string]any{"spec": map[string]any{"containers": []any{container}}}
	if same {
		container["imagePullPolicy"] = o.pullPolicy
		template["metadata"] = map[string]any{"annotations": map[string]any{restart: now.UTC().Format(time.RFC3339)}}
	}
	return template
}

// annotations are those that the flags set, and nil for one that they take away.
func (o *options) annotations(rc *unstructured.Unstructured) map[string]any {
	annotations := map[string]any{}
	if o.period != nil {
		annotations[api.UpdatePeriodAnnotation] = o.period.String()
	}
	if o.newName != "" {
		annotations[nextAnnotation] = o.newName
	} else if rc.GetAnnotations()[nextAnnotation] != "" {
		annotations[nextAnnotation] = nil
	}
	return annotations
}

// rolledBefore reports whether the same command was interrupted when, or before, its pods
// were all new. Then the name is all that is left to do.
func (o *options) rolledBefore(rc *unstructured.Unstructured) bool {
	return o.newName != "" && rc.GetAnnotations()[nextAnnotation] == o.newName
}

// restart has pods replaced though their image is the same.
var restart = mutate.DefaultRestartAnnotations[0]

// choose returns the container that the flags mean.
func (o *options) choose(spec api.Spec) (corev1.Container, error) {
	var typed corev1.ReplicationControllerSpec
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(spec, &typed); err != nil {
		return corev1.Container{}, fmt.Errorf("read the template: %w", err)
	}
	containers := typed.Template.Spec.Containers
	i := slices.IndexFunc(containers, func(c corev1.Container) bool { return o.container == "" || c.Name == o.container })
	switch {
	case i < 0:
		return corev1.Container{}, errNoContainer(o.container)
	case o.container == "" && len(containers) > 1:
		return corev1.Container{}, errContainer
	}
	return containers[i], nil
}

// read reads the ReplicationController in a file. The name in it is the one in the end.
func (o *options) read(filename string) error {
	namespace, enforce, err := o.config.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return err
	}
	infos, err := resource.NewBuilder(o.config).Unstructured().NamespaceParam(namespace).DefaultNamespace().
		FilenameParam(enforce, &resource.FilenameOptions{Filenames: []string{filename}}).Flatten().Do().Infos()
	switch {
	case err != nil:
		return err
	case len(infos) > 1:
		return errManyItems(filename)
	case len(infos) == 0:
		return errEmptyFile(filename)
	}
	object, ok := infos[0].Object.(*unstructured.Unstructured)
	if kind := infos[0].Object.GetObjectKind().GroupVersionKind(); !ok || kind != api.GroupVersionKind {
		return errNoRC(filename, kind.String())
	}
	if name := object.GetName(); name != cmp.Or(o.newName, name) {
		return errOtherName(filename, name, o.newName)
	} else if name != o.name {
		o.newName = name
	}
	if object.GetNamespace() != namespace {
		return errOtherNamespace(filename, object.GetNamespace(), namespace)
	}
	o.file = object
	return nil
}

// fromFile is the ReplicationController as the file has it. It is sent as kubectl replace
// sends a manifest, without what tells one that was read before; labels and annotations
// that the file does not mention stay, since settings are among them.
func (o *options) fromFile(rc, file *unstructured.Unstructured, before progress.Rollout) *unstructured.Unstructured {
	object := api.EmptyRC()
	object.SetNamespace(rc.GetNamespace())
	object.SetName(rc.GetName())
	labels, annotations := usersOwn(rc.GetLabels(), nil), usersOwn(rc.GetAnnotations(), api.Settings)
	maps.Copy(labels, file.GetLabels())
	maps.Copy(annotations, file.GetAnnotations())
	for key, value := range o.annotations(rc) {
		delete(annotations, key)
		if text, set := value.(string); set {
			annotations[key] = text
		}
	}
	object.SetLabels(labels)
	object.SetAnnotations(annotations)
	spec := api.SpecOf(file).DeepCopy()
	if _, stated := spec["replicas"]; !stated {
		spec["replicas"] = int64(before.Desired)
	}
	if sameImages := reflect.DeepEqual(spec.Images(), before.Live.Images()); sameImages && !before.Phase.Pending() {
		at := time.Now().UTC().Format(time.RFC3339)
		if o.rolledBefore(rc) {
			at = before.Live.TemplateAnnotation(restart)
		}
		if at != "" {
			_ = unstructured.SetNestedField(spec, at, "template", "metadata", "annotations", restart)
		}
	}
	object.Object["spec"] = map[string]any(spec)
	return object
}
