"""What lesson 30 builds is as it says."""

from course_utils.session import import_tensorflow
from tools.lesson_code import lesson_parts

tf = import_tensorflow()


def test_short_names_of_devices():
    where = lesson_parts("30", only=("where",))["where"]
    with tf.device("CPU:0"):
        assert where(tf.constant(1)) == "CPU:0"
