(()=>{const form=document.forms[0],line=document.getElementById("again");let left=Number(form.dataset.wait);
const tick=()=>{if(left<=0){form.submit();return}line.textContent=line.dataset.text.replace("{n}",left);left-=1;setTimeout(tick,1000)};tick()})();
